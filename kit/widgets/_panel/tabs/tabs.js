// The bar of tabs, and what is under each.

class Tabs {
  constructor(model, act, choosing) {
    this.model = model;
    this.act = act;
    this.tabs = new Map();
    this.chosen = new Chosen(choosing);
    this.events = new Events(model, act);
    this.latency = new Latency(act, choosing);
    this.timeline = new TimelineTab(act);
    this.captures = new Captures(act);
    this.session = new SessionTab(act);
    this.bar = h("div", { class: "kit-bar", role: "tablist", "aria-label": "views" });
    this.note = h("p", { class: "kit-empty", role: "note" });
    this.observe = h("button", {
      class: "kit-button",
      type: "button",
      "data-action": "observe",
      on: { click: () => act({ action: "observe" }) },
    });
    this.own = h("button", {
      class: "kit-button",
      type: "button",
      "data-action": "own-threads",
      title: "threads of the kit itself, such as those that draw here, and the garbage collections they cause",
      on: { click: () => act({ action: "own-threads" }) },
    });
    this.ownNote = h("span", { class: "kit-own", hidden: true });
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
    const asides = [this.observe, this.chosen.element, this.ownNote, this.own, this.session.leave];
    const said = h("div", { class: "kit-said" }, this.note, ...asides);
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
    this.ownNote.hidden = this.own.hidden = shown.own === null;
    if (shown.own !== null) {
      put(this.ownNote, shown.own.text);
      put(this.own, shown.own.shown ? "Hide them" : "Show them");
      set(this.own, "aria-pressed", String(shown.own.shown));
    }
    this.selection.hidden = shown.selection === null;
    put(this.selected, `selection: ${(shown.selection ?? 0).toLocaleString("en-US")} events → panel.selection `);
    this.chosen.update(shown.chosen);
    if (shown.shows) this[shown.tab].update(shown.shows, shown);
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
    if (content === "timeline") this.timeline.keysIn(body);
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
    if (this[this.current]?.key?.(event)) return true;
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
    this.events.close();
    for (const tab of this.tabs.values()) this.remove(tab);
  }
}
