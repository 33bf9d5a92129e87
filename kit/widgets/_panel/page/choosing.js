// Which markers the tabs show: clicks and keys, in the list and in the table of the tab Latency.

class Choosing {
  constructor(act) {
    this.act = act;
    this.chosen = [];
    this.from = null;
    this.marks = [];
  }

  // What was sent a moment ago holds until Python says the same: a second click counts on it.
  update(chosen) {
    if (this.sent && performance.now() < this.until && this.sent.join() !== chosen.join()) return;
    this.sent = null;
    this.chosen = chosen;
  }

  has(name) {
    return this.chosen.includes(name);
  }

  // One marker, or none where it was the only one; with Ctrl one more or less, with Shift all from
  // the last one to this one.
  choose(name, event, names) {
    const at = [names.indexOf(this.from), names.indexOf(name)].sort((a, b) => a - b);
    if (event.shiftKey && at[0] >= 0) return this.send(names.slice(at[0], at[1] + 1));
    this.from = name;
    const more = event.ctrlKey || event.metaKey;
    if (!this.has(name)) return this.send(more ? [...this.chosen, name] : [name]);
    this.send(more ? this.chosen.filter((other) => other !== name) : this.chosen.length > 1 ? [name] : []);
  }

  // False where nothing was chosen.
  none() {
    if (!this.chosen.length) return false;
    this.send([]);
    return true;
  }

  send(names) {
    this.chosen = this.sent = names;
    this.until = performance.now() + 2000;
    this.act({ action: "choose", names });
    for (const mark of this.marks) mark();
  }
}

// What the tabs show, where that is not all; a click shows all again.
class Chosen {
  constructor(choosing) {
    this.text = h("span", { class: "kit-chosen-name" });
    this.element = h(
      "button",
      {
        class: "kit-button kit-chosen",
        type: "button",
        "data-action": "choose-all",
        hidden: true,
        on: { click: () => choosing.none() },
      },
      "only ",
      this.text,
      h("span", { class: "kit-chosen-x", "aria-hidden": "true", text: "×" }),
    );
  }

  update(chosen) {
    this.element.hidden = !chosen.length;
    const text = chosen.length === 1 ? chosen[0] : `${chosen.length} markers`;
    put(this.text, text);
    set(this.element, "title", `the tabs show only ${chosen.join(", ")}; click to show all`);
    set(this.element, "aria-label", `only ${text}: show all markers`);
  }
}
