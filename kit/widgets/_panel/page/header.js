// The panel's header: its state, its numbers, its buttons.

const NUMBERS = [
  ["events", "events", "events recorded and kept"],
  ["lost", "lost", "events that found no room"],
  ["misfits", "did not fit", "values that did not fit their field and are missing"],
  ["skipped", "skipped", "events that arose while another was being written: in a garbage collection, a signal handler"],
  ["failed", "failed", "events that could not be recorded: no memory, or a signal handler that raised"],
  ["filtered", "kept back", "events that conditions and sampling kept from being recorded"],
  ["rate", "", "dispatches a second of the markers shown"],
  ["overhead", "overhead", "share of one core that these probes and the panel take"],
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

  // Say what is going on, or why that cannot be known.
  say(shown, live, lastly) {
    const doing = STATES[shown.state];
    const words = { live: doing, busy: `${doing}, kernel busy`, gone: lastly };
    put(this.state, shown.closed ? "closed" : words[live]);
  }

  update(shown) {
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
    for (const key of ["misfits", "skipped", "failed", "filtered", "throttled"])
      this.numbers.get(key).parentElement.hidden = !shown[key];
    set(this.numbers.get("overhead").parentElement, "title", `share of one core: ${shown.costs}`);
    const misfits = this.numbers.get("misfits").parentElement;
    set(misfits, "title", `values that did not fit their field and are missing: ${shown.fields}`);
    this.keep.update(shown.keep.choices, shown.keep.now);
    this.undo.disabled = !shown.undo;
    set(this.undo, "title", shown.undo ? `undo: ${shown.undo}` : "there is nothing to undo");
  }
}
