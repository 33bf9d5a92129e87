// Small helpers for pages.  A widget's scripts are one module, this one first.
//
// Text goes into the page by textContent only: names and values come from programs.

function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") for (const [kind, f] of Object.entries(value)) element.addEventListener(kind, f);
    else if (name === "text") element.textContent = value;
    else if (name === "style") element.style.cssText = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// Write only what differs, so that nothing flickers and a selection of text survives.
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function set(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Give an element its colour: on a light ground and on a dark one, see base.css.
function tint(element, [light, dark]) {
  element.style.setProperty("--kit-light", light);
  element.style.setProperty("--kit-dark", dark);
}

function svg(tag, props = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, value);
  return element;
}

const SPARK = { width: 56, height: 16, points: 32 };

class Spark {
  constructor() {
    const { width, height } = SPARK;
    this.element = svg("svg", { class: "kit-spark", viewBox: `0 0 ${width} ${height}`, role: "img" });
    this.path = svg("path");
    this.title = svg("title");
    this.element.append(this.title, this.path);
  }

  update(values, most) {
    const { width, height, points } = SPARK;
    const step = width / points;
    let x = width - values.length * step;
    let line = `M${x.toFixed(1)} ${height}`;
    for (const value of values) {
      // Something is never drawn as nothing.
      const y = height - (value > 0 ? Math.max(1, (value / 100) * (height - 1)) : 0);
      line += `V${y.toFixed(1)}h${step.toFixed(2)}`;
      x += step;
    }
    set(this.path, "d", values.length ? `${line}V${height}Z` : "");
    put(this.title, values.length ? `the last 16 seconds, at most ${most}` : "no events yet");
  }
}

// The switch that connects one probe to one marker.
class Dot {
  constructor(act, marker, { withText = false } = {}) {
    this.marker = marker;
    this.element = h("button", {
      class: withText ? "kit-dot kit-dot-named" : "kit-dot",
      type: "button",
      role: "switch",
      tabindex: "-1",
      "data-marker": marker,
      on: { click: () => this.toggle(act) },
    });
    this.mark = h("span", { class: "kit-mark", "aria-hidden": "true" });
    this.element.append(this.mark);
    if (withText) this.element.append((this.text = h("span")));
  }

  toggle(act) {
    if (this.element.getAttribute("aria-disabled") === "true") return;
    act({ action: "toggle", marker: this.marker, probe: this.element.dataset.probe });
  }

  update(dot) {
    const { element } = this;
    set(element, "data-probe", dot.key);
    set(element, "data-label", dot.label);
    set(element, "aria-checked", String(dot.on));
    set(element, "aria-disabled", dot.misfit && !dot.on ? "true" : null);
    set(element, "data-errors", dot.errors ?? null);
    tint(element, dot.color);
    const does = dot.misfit || dot.hint;
    set(element, "aria-label", `${dot.label} on ${this.marker}`);
    const wrong = dot.error ? `\n${dot.errors} errors, the first: ${dot.error}` : "";
    const off = dot.off ? `\n${dot.off}` : "";
    set(element, "title", `${dot.on ? "disconnect" : "connect"} ${dot.label}: ${does}${off}${wrong}`);
    if (this.text) put(this.text, dot.label);
  }
}
