// Whether the panel is live.  The kernel beats once a second, from a thread, so also while a cell
// runs; clicks are handled in their turn, and a beat says up to which one that was.

const SILENT = 5000; // ms without a sign of life after which the panel is not live
const SLOW = 1500; // ms after which a click that was not handled says that the kernel is busy
const HELLO = 30000; // ms between two words of a view that is in sight

class Pulse {
  constructor(root, answers, changed) {
    this.answers = answers;
    this.changed = changed;
    this.last = 0; // when there was a sign of life
    this.since = this.looked = this.said = Date.now();
    this.silent = this.lost = false;
    this.asks = 0;
    this.waiting = new Map(); // clicks that were sent: by number, which control, since when
    this.state = "live";
    this.sentence = this.late = null;
    // Whichever control was touched last is the one that asks.
    const touched = (event) => (this.control = event.composedPath()[0].closest?.("button, select, input"));
    for (const kind of ["click", "change", "input"]) root.addEventListener(kind, touched, true);
    this.onLive = () => this.look();
    this.timer = setInterval(() => this.look(), 500);
  }

  // The widget manager knows at once where the kernel was restarted, or where there never was one.
  async follow(manager, id) {
    this.widget = await manager.get_model(id);
    this.widget.on("comm_live_update", this.onLive);
    this.look();
  }

  // Send what a reader asks for, and show the control as pending until it is done.
  ask(content) {
    const ask = ++this.asks;
    if (this.sentence === this.late) this.sentence = null;
    const control = this.control;
    if (this.gone() || !this.answers.send({ type: "do", ask, ...content })) {
      this.lost = true;
      return this.look([control]);
    }
    this.waiting.set(ask, { control, since: Date.now(), expired: false });
    if (control) control.dataset.pending = "true";
  }

  // A sign of life came, of whatever kind.
  beat(done = {}) {
    this.last = Date.now();
    this.silent = this.lost = false;
    const upTo = done[this.answers.view] ?? 0;
    const late = [];
    for (const [ask, { control, expired }] of this.waiting) {
      if (ask > upTo) continue;
      this.waiting.delete(ask);
      this.settle(control);
      if (expired) late.push(control);
    }
    if (late.length) this.late = { text: `${named(late)} was done after all, late.`, bad: true };
    this.look();
    if (late.length) this.changed((this.sentence = this.late));
  }

  settle(control) {
    const others = [...this.waiting.values()].some((each) => each.control === control && !each.expired);
    if (control && !others) delete control.dataset.pending;
  }

  gone() {
    return this.lost || this.widget?.comm_live === false;
  }

  look(refused = []) {
    const now = Date.now();
    // While nobody looks the kernel does not beat; nor did anything run while the computer slept.
    const rested = !this.answers.visible || now - this.looked > 3000;
    if (rested) this.since = now;
    else if (now - Math.max(this.last, this.since) > SILENT) this.silent = true;
    this.looked = now;
    const live = !this.gone() && !this.silent;
    const pending = [...this.waiting.values()].filter((each) => !each.expired);
    const busy = pending.some((each) => now - each.since > SLOW);
    const state = live ? (busy ? "busy" : "live") : "gone";
    if (this.answers.visible && (rested || now - this.said > (live ? HELLO : SILENT))) {
      this.said = now;
      this.answers.hello();
    }
    if (state === "gone") {
      for (const each of pending) each.expired = true;
      for (const { control } of pending) this.settle(control);
      refused = [...refused, ...pending.map((each) => each.control)];
    }
    if (state === this.state && !refused.length && state !== "busy") return;
    const back = this.state === "gone" && state !== "gone";
    this.state = state;
    this.sentence = this.say(pending.length, refused);
    this.changed(this.sentence);
    if (back) this.answers.hello();
  }

  say(waiting, refused) {
    if (this.state === "live") return null;
    if (this.state === "busy") {
      const clicks = waiting === 1 ? "1 click waits" : `${waiting} clicks wait`;
      return { text: `The kernel is busy: ${clicks} until its cell has ended.`, bad: false };
    }
    const why = this.gone() ? "The kernel has gone: run the cell again." : "The kernel gives no sign of life.";
    const what = refused.length ? ` ${named(refused)} was not done.` : "";
    return { text: `${why}${what}`, bad: true };
  }

  // For when: the last sign of life, or when what is shown was true.
  lastly(at) {
    const then = new Date(this.last || 1000 * (at ?? 0));
    if (!then.getTime()) return "not live";
    const time = then.toTimeString().slice(0, 8);
    const today = then.toDateString() === new Date().toDateString();
    return `not live, last at ${today ? "" : `${then.toLocaleDateString("sv")} `}${time}`;
  }

  close() {
    for (const { control } of this.waiting.values()) delete control?.dataset.pending;
    this.waiting.clear();
    clearInterval(this.timer);
    this.widget?.off("comm_live_update", this.onLive);
  }
}

// Controls by what their readers know them by.
function named(controls) {
  const names = controls.map((each) => each?.getAttribute("aria-label") || each?.textContent || "What was asked");
  return [...new Set(names)].map((name) => `“${name}”`).join(" and ");
}
