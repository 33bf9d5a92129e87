// The panel: header, list, tabs.  Draws what Python describes (page.py) and sends back actions.

const NUMBERS = [
  ["events", "events", "events recorded and kept"],
  ["lost", "lost", "events that found no room"],
  ["misfits", "did not fit", "values that did not fit their field and are missing"],
  ["rate", "", "dispatches a second of the markers shown"],
  ["overhead", "overhead", "share of one core that dispatching to these probes takes, estimated"],
  ["throttled", "throttled", "calls that were left out because the probe's budget was used up"],
];
const STATES = { on: "recording", off: "stopped", none: "not recording" };

class Header {
  constructor(act) {
    this.act = act;
    this.state = h("span", { class: "kit-state", role: "status" });
    this.numbers = new Map();
    const numbers = h("span", { class: "kit-numbers" });
    for (const [key, unit, title] of NUMBERS) {
      const value = h("span", { class: "kit-num" });
      this.numbers.set(key, value);
      const words = unit === "overhead" ? ["overhead ", value] : [value, unit ? ` ${unit}` : ""];
      numbers.append(h("span", { class: "kit-number", "data-number": key, title }, ...words));
    }
    this.run = this.button("start", "Start", "record the markers shown");
    this.undo = this.button("undo", "Undo", "there is nothing to undo");
    this.keep = new Chooser("keep", "which events are kept; the newest ones: a flight recorder", (keep) =>
      act({ action: "keep", keep }),
    );
    this.keep.element.tabIndex = 0;
    this.buttons = h(
      "span",
      { class: "kit-buttons", role: "toolbar", "aria-label": "recording" },
      this.run,
      this.keep.element,
      this.button("clear", "Clear", "forget what was recorded, and begin all counts again"),
      this.button("snapshot", "Snapshot", "freeze what is recorded now, in panel.captures"),
      this.button("save", "Save", "write what is recorded to a file"),
      this.undo,
    );
    this.element = h("div", { class: "kit-header" }, this.state, numbers, this.buttons);
  }

  button(action, text, title) {
    return h("button", {
      class: "kit-button",
      type: "button",
      "data-action": action,
      title,
      text,
      on: { click: (event) => this.act({ action: event.currentTarget.dataset.action }) },
    });
  }

  update(shown) {
    put(this.state, shown.closed ? "closed" : STATES[shown.state]);
    for (const [key, element] of this.numbers) put(element, shown[key]);
    const lost = this.numbers.get("lost").parentElement;
    if (shown.late && !lost.classList.contains("kit-bad")) lost.classList.add("kit-once");
    lost.classList.toggle("kit-bad", shown.late);
    set(lost, "title", `events that found no room${shown.missing}`);
    const events = this.numbers.get("events").parentElement;
    const gone = shown.overwritten ? `; ${shown.overwritten} gave way to newer ones` : "";
    set(events, "title", `events recorded and kept; ${shown.room}${gone}`);
    const on = shown.state === "on";
    set(this.run, "data-action", on ? "stop" : "start");
    set(this.run, "title", on ? "stop recording; what was recorded stays" : "record the markers shown");
    put(this.run, on ? "Stop" : "Start");
    this.numbers.get("throttled").parentElement.hidden = !shown.throttled;
    const misfits = this.numbers.get("misfits").parentElement;
    misfits.hidden = !shown.misfits;
    set(misfits, "title", `values that did not fit their field and are missing: ${shown.fields}`);
    this.keep.update(shown.keep.choices, shown.keep.now);
    this.undo.disabled = !shown.undo;
    set(this.undo, "title", shown.undo ? `undo: ${shown.undo}` : "there is nothing to undo");
  }
}

// The filter, and a switch for each probe that works on every marker shown.
class Legend {
  constructor(act) {
    this.act = act;
    this.items = new Map();
    this.filter = h("input", {
      class: "kit-filter",
      type: "search",
      placeholder: "filter: text, or orders.*",
      "aria-label": "filter markers",
      title: "show markers whose name contains a text, or matches it: * and ? stand for anything",
      spellcheck: "false",
      on: { input: () => this.later() },
    });
    this.all = h("div", { class: "kit-legend", role: "group", "aria-label": "connect to all markers shown" });
    this.asking = new Asking(act, "what is connected to all from here on");
    for (const stop of [this.asking.when, this.asking.often.element]) stop.tabIndex = 0;
    this.asking.element.classList.add("kit-asking-all");
    this.element = h("div", { class: "kit-top" }, this.filter, this.all, this.asking.element, this.asking.wrong);
  }

  // Escape gives up what was typed.
  key(event) {
    if (event.key === "Escape" && event.target === this.asking.when) this.asking.restore();
    return false;
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.act({ action: "filter", text: this.filter.value }), 150);
  }

  update(shown) {
    const typing = document.activeElement === this.filter || this.filter.getRootNode().activeElement === this.filter;
    if (!typing && this.filter.value !== shown.filter) this.filter.value = shown.filter;
    this.asking.update(shown.all, shown.often);
    for (const choice of shown.palette) {
      let item = this.items.get(choice.key);
      if (!item) {
        item = h("button", {
          class: "kit-dot kit-dot-named kit-all",
          type: "button",
          "data-probe": choice.key,
          on: { click: () => this.toggle(item) },
        });
        item.append(h("span", { class: "kit-mark", "aria-hidden": "true" }), h("span", { text: choice.label }));
        this.items.set(choice.key, item);
        this.all.append(item);
      }
      const every = choice.on > 0 && choice.on === choice.of;
      set(item, "aria-pressed", every ? "true" : choice.on ? "mixed" : "false");
      item.style.setProperty("--kit-color", choice.color);
      const does = every ? "disconnect from" : "connect to";
      set(item, "title", `${choice.label}: ${choice.hint}; ${does} all ${choice.of} markers shown (on: ${choice.on})`);
      set(item, "aria-label", `${choice.label}: ${does} all ${choice.of} markers shown`);
    }
  }

  toggle(item) {
    const every = item.getAttribute("aria-pressed") === "true";
    this.act({ action: every ? "disconnect-all" : "connect-all", probe: item.dataset.probe });
  }
}

// The newest events, as text.
class Events {
  constructor() {
    const heads = ["time, s", "marker", "thread", "took", "fields"];
    const head = h("tr", {}, ...heads.map((text) => h("th", { text, scope: "col" })));
    this.body = h("tbody");
    this.table = h("table", { class: "kit-table kit-events", "aria-label": "newest events" }, h("thead", {}, head), this.body);
    this.printed = h("pre", { class: "kit-printed", "aria-label": "printed events", hidden: true });
    this.element = h("div", { class: "kit-latest" }, this.printed, this.table);
  }

  update({ latest, printed }) {
    this.table.hidden = !latest.length;
    rows(this.body, latest, [1, 4]);
    this.printed.hidden = !printed.length;
    const { scrollTop, scrollHeight, clientHeight } = this.printed;
    const following = scrollTop + clientHeight >= scrollHeight - 4;
    put(this.printed, printed.join("\n"));
    if (following) this.printed.scrollTop = this.printed.scrollHeight;
  }
}

class Tabs {
  constructor(model, act) {
    this.model = model;
    this.act = act;
    this.tabs = new Map();
    this.events = new Events();
    this.session = new SessionTab(act);
    this.bar = h("div", { class: "kit-bar", role: "tablist", "aria-label": "views" });
    this.note = h("p", { class: "kit-empty", role: "note" });
    this.observe = h("button", {
      class: "kit-button",
      type: "button",
      "data-action": "observe",
      on: { click: () => act({ action: "observe" }) },
    });
    this.selected = h("span", { class: "kit-num" });
    const clear = h("button", {
      class: "kit-button",
      type: "button",
      "data-action": "deselect",
      "aria-label": "Deselect",
      title: "select nothing any more; so does a double click in a plot",
      text: "Deselect",
      on: { click: () => act({ action: "deselect" }) },
    });
    this.selection = h("p", { class: "kit-selection", hidden: true }, this.selected, clear);
    this.holder = h("div", { class: "kit-bodies" });
    const said = h("div", { class: "kit-said" }, this.note, this.observe, this.session.leave);
    this.element = h("div", { class: "kit-tabs" }, this.bar, said, this.holder, this.selection);
  }

  update(shown) {
    this.current = shown.tab;
    for (const described of shown.tabs) {
      const { button, body } = this.tabs.get(described.key) ?? this.add(described);
      const inFront = described.key === shown.tab;
      set(button, "aria-selected", String(inFront));
      set(button, "data-running", described.running);
      button.tabIndex = inFront ? 0 : -1;
      body.hidden = !inFront;
    }
    put(this.note, shown.note);
    this.note.hidden = !shown.note;
    this.observe.hidden = shown.observed === null;
    put(this.observe, shown.observed ? "Stop observing" : "Observe");
    set(this.observe, "title", shown.observed ? "observe no more" : "time every probe of every dispatch of the markers shown");
    set(this.observe, "aria-pressed", String(Boolean(shown.observed)));
    this.selection.hidden = shown.selection === null;
    put(this.selected, `selection: ${(shown.selection ?? 0).toLocaleString("en-US")} events → panel.selection `);
    if (shown.latest) this.events.update(shown);
    this.session.update(shown.session);
    this.showPanes(shown.tab);
  }

  add({ key, title, hint, body: content }) {
    const button = h("button", {
      class: "kit-tab",
      type: "button",
      role: "tab",
      "data-tab": key,
      "aria-label": title,
      title: hint,
      text: title,
      on: { click: () => this.choose(key) },
    });
    const body = h("div", { class: "kit-body", role: "tabpanel", "data-tab": key, "aria-label": title, hidden: true });
    if (content) body.append(this[content].element);
    const tab = { button, body, wanted: [], views: [] };
    this.tabs.set(key, tab);
    this.bar.append(button);
    this.holder.append(body);
    return tab;
  }

  choose(key) {
    this.act({ action: "tab", tab: key });
  }

  key(event) {
    if (event.target.parentElement !== this.bar) return false;
    const keys = [...this.tabs.keys()];
    const at = keys.indexOf(event.target.dataset.tab);
    const wanted = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: keys.length - 1 }[event.key];
    if (wanted === undefined) return false;
    const next = keys[(wanted + keys.length) % keys.length];
    this.tabs.get(next).button.focus();
    this.choose(next);
    return true;
  }

  // Each pane is a widget of its own, put into its tab when the tab is first looked at.
  async showPanes(key) {
    const tab = this.tabs.get(key);
    const wanted = this.model.get("panes")[key] ?? [];
    if (!tab || tab.wanted.join() === wanted.join()) return;
    this.remove(tab);
    tab.wanted = wanted;
    for (const id of wanted) {
      const child = await this.model.widget_manager.get_model(id);
      const view = await this.model.widget_manager.create_view(child);
      if (tab.wanted !== wanted) return view.remove();
      tab.views.push(view);
      tab.body.append(view.el);
    }
  }

  remove(tab) {
    for (const view of tab.views) view.remove();
    tab.wanted = [];
    tab.views = [];
  }

  close() {
    for (const tab of this.tabs.values()) this.remove(tab);
  }
}

class Answers {
  constructor(model, element) {
    this.model = model;
    this.view = crypto.randomUUID?.() ?? Math.random().toString(36).slice(2);
    this.answered = 0;
    this.visible = true;
    this.inSight = true;
    this.observer = new IntersectionObserver((entries) => {
      this.inSight = entries.at(-1).isIntersecting;
      this.look();
    });
    this.observer.observe(element);
    this.onVisibility = () => this.look();
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  // False if nobody is there to be told: sending throws once the kernel is gone.
  send(content) {
    try {
      this.model.send({ view: this.view, ...content });
    } catch {
      return false;
    }
    return true;
  }

  look() {
    const visible = this.inSight && document.visibilityState !== "hidden";
    if (visible !== this.visible) this.send({ type: "shown", visible });
    this.visible = visible;
  }

  // Say that somebody is there, who sees this update.  A page that was loaded again would hear
  // nothing more otherwise: the view that it had before has said that it is out of sight.
  join(number) {
    const heard = this.send({ type: "joined", number, visible: this.visible });
    if (!heard) this.retry = setTimeout(() => this.join(this.number ?? number), 1000);
  }

  // Every few updates, after the page has been painted.
  painted(number) {
    this.number = number;
    if (number < this.answered) this.answered = 0;
    if (number - this.answered < 3 || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() =>
      setTimeout(() => {
        this.waiting = false;
        this.answered = this.number;
        this.send({ type: "painted", number: this.number });
      }),
    );
  }

  close() {
    clearTimeout(this.retry);
    this.observer.disconnect();
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.send({ type: "left" });
  }
}

function render({ model, el }) {
  const root = h("div", {
    class: "kit-widget kit-panel",
    role: "region",
    "aria-label": "markers and probes",
  });
  const answers = new Answers(model, root);
  const act = (content) =>
    answers.send({ type: "do", ...content }) ||
    say({ text: "The kernel has gone. Run the notebook again.", bad: true });
  const header = new Header(act);
  const legend = new Legend(act);
  const list = new MarkerList(act);
  const tabs = new Tabs(model, act);
  const message = h("p", { class: "kit-message", role: "status", "aria-live": "polite" });
  const left = h("div", { class: "kit-left" }, legend.element, list.element);
  const body = h("div", { class: "kit-main" }, left, tabs.element);
  root.append(header.element, body, message);
  el.append(root);
  const say = ({ text, bad }) => {
    put(message, text);
    set(message, "title", text);
    message.classList.toggle("kit-bad", bad);
  };

  const update = () => {
    const shown = JSON.parse(model.get("shown"));
    if (!shown.tabs) return;
    root.dataset.state = shown.closed ? "closed" : shown.state;
    set(root, "inert", shown.closed ? "" : null);
    header.update(shown);
    legend.update(shown);
    list.update(shown);
    tabs.update(shown);
    say(shown.message);
    answers.painted(shown.number);
  };
  model.on("change:shown", update);
  model.on("change:panes", () => tabs.showPanes(tabs.current));
  update();
  answers.join(JSON.parse(model.get("shown")).number ?? 0);

  // JupyterLab takes keys before any element hears of them: here plain ones are ours, or "d d" in
  // the list would delete the cell.  Keys with a modifier, such as the one that saves, are its own.
  const keys = (event) => {
    const inside = event.composedPath().includes(root);
    if (!inside || event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopImmediatePropagation();
    if (legend.key(event) || list.key(event) || tabs.key(event)) event.preventDefault();
  };
  window.addEventListener("keydown", keys, true);

  return () => {
    window.removeEventListener("keydown", keys, true);
    tabs.close();
    answers.close();
  };
}

export default { render };
