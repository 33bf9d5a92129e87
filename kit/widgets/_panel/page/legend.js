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
    for (const choice of shown.choices) {
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
      tint(item, choice.color);
      const all = choice.of === 1 ? "the marker" : `all ${choice.of} markers`;
      const does = every ? "disconnect from" : "connect to";
      set(item, "title", `${choice.label}: ${choice.hint}; ${does} ${all} shown (on: ${choice.on})`);
      set(item, "aria-label", `${choice.label}: ${does} ${all} shown`);
    }
  }

  toggle(item) {
    const every = item.getAttribute("aria-pressed") === "true";
    this.act({ action: every ? "disconnect-all" : "connect-all", probe: item.dataset.probe });
  }
}
