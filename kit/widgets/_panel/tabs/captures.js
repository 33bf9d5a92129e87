// The tab Captures: what was kept, a row each.

const KEPT = ["", "name", "when", "events", "markers", "missing", ""];

class Captures {
  constructor(act) {
    this.act = act;
    this.rows = new Map();
    this.ticked = [];
    this.body = h("tbody");
    const heads = KEPT.map((text) => h("th", { scope: "col", text }));
    this.table = h("table", { class: "kit-table kit-kept-list", "aria-label": "what was kept" }, h("thead", {}, h("tr", {}, ...heads)), this.body);
    this.compare = h("button", {
      class: "kit-button",
      type: "button",
      "data-action": "compare",
      title: "choose two of them first",
      text: "Compare two",
      on: { click: () => act({ action: "compare", keys: this.ticked }) },
    });
    this.element = h("div", { class: "kit-captures" }, this.table, h("p", { class: "kit-compare" }, this.compare));
  }

  update({ rows, front }) {
    this.element.hidden = !rows.length;
    const keys = new Set(rows.map(([key]) => key));
    this.ticked = this.ticked.filter((key) => keys.has(key));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    for (const [key, ...texts] of rows) {
      const row = this.rows.get(key) ?? this.add(key, texts[0]);
      texts.forEach((text, index) => put(row.cells[index], text));
      set(row.cells[0], "title", key);
      set(row.element, "aria-current", key === front ? "true" : null);
      set(row.show, "aria-pressed", String(key === front));
      if (row.element.parentElement !== this.body) this.body.append(row.element);
    }
    this.mark();
  }

  add(key, name) {
    const button = (action, text, title) =>
      h("button", { class: "kit-button", type: "button", "data-action": action, "aria-label": `${text} ${name}`, title, text, on: { click: () => this.act({ action, key }) } });
    const tick = h("input", {
      type: "checkbox",
      title: "compare this one with another one",
      "aria-label": `compare ${name}`,
      on: { change: () => this.tick(key, tick.checked) },
    });
    const cells = ["name", "when", "events", "markers", "missing"].map(() => h("td"));
    const show = button("show-capture", "Show", "show it in the other tabs");
    const actions = h("td", { class: "kit-kept-actions" }, show);
    // What lies in a file is saved already.
    if (key === "live" || /^\d+$/.test(key)) actions.append(button("export", "Save", "write it to a new file, as Parquet"));
    const row = { tick, cells, show, element: h("tr", { "data-key": key }, h("td", {}, tick), ...cells, actions) };
    this.rows.set(key, row);
    return row;
  }

  // Two at most: a third one takes the place of the first.
  tick(key, on) {
    const others = this.ticked.filter((other) => other !== key);
    this.ticked = on ? [...others.slice(-1), key] : others;
    this.mark();
  }

  mark() {
    for (const [key, row] of this.rows) row.tick.checked = this.ticked.includes(key);
    this.compare.disabled = this.ticked.length !== 2;
    set(this.compare, "title", this.compare.disabled ? "choose two of them first" : "draw how their durations differ");
  }
}
