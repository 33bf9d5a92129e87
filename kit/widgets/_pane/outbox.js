// What the reader does in a plot, on its way to Python: once each, and not more often than needed.

const QUIET = 100; // ms without a further change of range after which a gesture has ended
const THROTTLE = 80; // ms between messages about properties that change continuously
const HELD = new Set(["rangesupdate"]); // sent when the gesture ends
const CONTINUOUS = new Set(["mousemove", "pan", "pinch", "rotate", "wheel"]);

// Bokeh emits a burst of events for each gesture.  Python is told about properties now and then
// while they change, and about a new range once, when the gesture has ended.
class Outbox {
  constructor(send, element) {
    this.send = send;
    this.waiting = [];
    this.timers = { held: null, soon: null };
    this.pressed = false;
    this.listeners = new AbortController();
    const options = { capture: true, passive: true, signal: this.listeners.signal };
    element.addEventListener("pointerdown", () => (this.pressed = true), options);
    for (const kind of ["pointerup", "pointercancel"])
      window.addEventListener(kind, () => this.released(), options);
    // A button released outside the window is noticed when the pointer is back.
    window.addEventListener("pointermove", (e) => e.buttons === 0 && this.released(), options);
  }

  add(event) {
    const name = event.kind === "MessageSent" ? event.msg_data?.event_name : event.kind;
    if (name === "selectiongeometry" && event.msg_data.final === false) return;
    if (followsData(event)) return;
    const target = event.msg_data?.origin ?? event.model;
    const key = `${name} ${target?.id ?? ""} ${event.attr ?? ""}`;
    const merges = HELD.has(name) || CONTINUOUS.has(name) || event.kind === "ModelChanged";
    if (merges) this.waiting = this.waiting.filter((item) => item.key !== key);
    this.waiting.push({ key, event, held: HELD.has(name) });
    if (HELD.has(name)) this.restart("held", QUIET, () => this.pressed || this.flush());
    else if (merges) this.timers.soon ??= setTimeout(() => this.flush(false), THROTTLE);
    else this.flush();
  }

  restart(timer, delay, action) {
    clearTimeout(this.timers[timer]);
    this.timers[timer] = setTimeout(action, delay);
  }

  released() {
    if (!this.pressed) return;
    this.pressed = false;
    // Bokeh hears of the release after this; wait until it has said what it has to say.
    if (this.waiting.length) this.restart("held", 20, () => this.flush());
  }

  flush(all = true) {
    clearTimeout(this.timers.soon);
    this.timers.soon = null;
    if (all) clearTimeout(this.timers.held);
    const now = this.waiting.filter((item) => all || !item.held);
    this.waiting = this.waiting.filter((item) => !all && item.held);
    if (now.length) this.send(now.map((item) => item.event));
  }

  close() {
    this.flush();
    this.listeners.abort();
  }
}

// A range that follows its data moves with every update; only the reader's zoom is news to Python.
const followsData = ({ kind, model, attr }) =>
  kind === "ModelChanged" &&
  model.type === "DataRange1d" &&
  (attr === "start" || attr === "end") &&
  !model.have_updated_interactively;

// Bytes would be lost in JSON; Python's side of Bokeh takes them in base 64.
const plain = (patch) =>
  JSON.parse(JSON.stringify(patch, (_, value) => value?.to_base64?.() ?? value));
