// What is asked of a probe: a condition that is typed in, how often, and what a tool does.

// A choice of a few.  What is chosen is sent; what Python says is shown.
class Chooser {
  constructor(name, title, send) {
    this.known = "";
    this.element = h("select", {
      class: `kit-choose kit-choose-${name}`,
      tabindex: "-1",
      title,
      "aria-label": title,
      "data-asks": name,
      on: { change: () => send(this.element.value) },
    });
  }

  // Only what differs is written: a list that is open stays open.
  update(options, now) {
    const known = JSON.stringify(options);
    if (known !== this.known) {
      this.element.replaceChildren(...options.map(([value, text]) => h("option", { value, text })));
      this.known = known;
    } else if (this.element.value === now || document.activeElement === this.element) return;
    this.element.value = now;
  }
}

// A condition and how often, with what is wrong shown below.
class Asking {
  constructor(act, whose, { marker = "", probe = "" } = {}) {
    const send = (asked) => act({ action: "ask", marker, probe, ...asked });
    this.element = h("span", { class: "kit-asking" });
    this.when = h("input", {
      class: "kit-when",
      type: "text",
      tabindex: "-1",
      placeholder: "condition",
      title: "which events reach it, such as: dur > 10 ms and error is None",
      "aria-label": `condition for ${whose}`,
      spellcheck: "false",
      autocomplete: "off",
      on: { change: () => send({ when: this.when.value }) },
    });
    this.often = new Chooser("often", `how many events reach ${whose}`, (often) => send({ often }));
    this.element.append(
      h("span", { class: "kit-word", "aria-hidden": "true", text: "when" }),
      this.when,
      this.often.element,
    );
    this.wrong = h("p", { class: "kit-wrong kit-bad", role: "alert", hidden: true });
  }

  update(asked, often) {
    const typing = this.when.getRootNode().activeElement === this.when;
    if (!typing && this.when.value !== asked.when) this.when.value = asked.when;
    this.known = asked.when;
    this.often.update(often, asked.often);
    set(this.when, "aria-invalid", asked.wrong ? "true" : null);
    // The place in the text is pointed at by a caret below it, in the same type.
    const mark = asked.wrong ? `${asked.when}\n${" ".repeat(asked.at)}^ ${asked.wrong}` : "";
    put(this.wrong, mark);
    this.wrong.hidden = !mark;
  }

  // Give up what was typed.
  restore() {
    this.when.value = this.known ?? "";
  }
}

// What a tool does: of which field an aggregate is and what makes its keys; what a trigger does.
class Settings {
  constructor(act, marker, probe) {
    const send = (asked) => act({ action: "ask", marker, probe, ...asked });
    this.element = h("span", { class: "kit-settings", hidden: true });
    this.value = new Chooser("value", `field that ${probe} on ${marker} adds up`, (value) => send({ value }));
    this.by = new Chooser("by", `what makes the keys of ${probe} on ${marker}`, (by) => send({ by }));
    this.does = new Chooser("does", `what ${probe} on ${marker} does`, (does) => send({ does }));
    this.once = h("input", {
      type: "checkbox",
      tabindex: "-1",
      "data-asks": "once",
      title: "the first event disarms it",
      "aria-label": `the first event disarms ${probe} on ${marker}`,
      on: { change: () => send({ once: this.once.checked }) },
    });
    const word = (text) => h("span", { class: "kit-word", text });
    const once = h("label", { class: "kit-once-only", title: "the first event disarms it" }, this.once, "once");
    this.aggregate = h("span", {}, word("of"), this.value.element, word("by"), this.by.element);
    this.trigger = h("span", {}, word("then"), this.does.element, once);
    this.element.append(this.aggregate, this.trigger);
  }

  update(dot, row, actions) {
    const counts = dot.value !== undefined;
    const waits = dot.once !== undefined;
    this.element.hidden = !counts && !waits;
    this.aggregate.hidden = !counts;
    this.trigger.hidden = !waits;
    const named = (names) => names.map((name) => [name, name]);
    if (counts) {
      this.value.update([...named(row.numbers), ["*", "events only"]], dot.value);
      this.by.update([["", "nothing"], ...named(row.keys)], dot.by);
    }
    if (waits) {
      this.does.update(actions, dot.action);
      this.once.checked = dot.once;
    }
  }
}
