// The tab Timeline: what lanes are of, a way from one slow span to the next, and one span in full.
// The picture itself is a pane.
class TimelineTab {
  constructor(act) {
    this.ask = (asked) => act({ action: "timeline", ...asked });
    this.by = new Chooser("lanes", "what the lanes are of", (by) => this.ask({ by }));
    this.by.element.tabIndex = 0;
    const lanes = h("label", { class: "kit-word kit-lanes-of" }, "lanes by ", this.by.element);
    const previous = this.button("previous", "◀ previous", "the span in view that is the next slower one (p)", { step: "previous" });
    const next = this.button("next", "slowest ▶", "the slowest span in view, then the next one (n)", { step: "next" });
    this.steps = [previous, next];
    this.next = next;
    this.follow = this.button("follow-timeline", "Follow", "show the newest events as they come", { held: false });
    this.bar = h("div", { class: "kit-timeline-bar" }, lanes, h("span", { class: "kit-gap" }), previous, next, this.follow);
    this.down = h("div", { class: "kit-lanes-height" });
    this.scroller = h("div", {
      class: "kit-lanes-scroller",
      tabindex: "0",
      role: "group",
      "aria-label": "scroll through the lanes",
      title: "scroll through the lanes",
      hidden: true,
    }, this.down);
    this.scroller.addEventListener("scroll", () => this.scrolled());
    this.detail = new EventDetail((key) => this.ask({ key }), () => this.ask({ key: "" }));
    this.element = this.bar;
  }

  button(name, text, title, asked) {
    return h("button", { class: "kit-button", type: "button", "data-action": name, title, text, on: { click: () => this.ask(asked) } });
  }

  // The picture comes between the bar and the event.  A click into it leaves the focus here, so that keys go on from there.
  keysIn(body) {
    this.body = body;
    body.append(this.scroller, this.detail.element);
    body.tabIndex = -1;
    body.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button, select, input, .kit-event, .kit-lanes-scroller")) return;
      setTimeout(() => body.focus({ preventScroll: true }));
    });
  }

  update({ lanes, by, event, rank, follow, recording, ready, room, down }) {
    this.by.update(lanes.length ? lanes : [["tid", "thread"]], by);
    this.follow.hidden = !recording || follow;
    for (const step of this.steps) step.disabled = !ready;
    put(this.next, event ? "next ▶" : "slowest ▶");
    this.detail.update(event, rank);
    const more = room > 832;
    this.scroller.hidden = !more;
    if (!more) return;
    this.down.style.height = `${room}px`;
    if (this.asked === undefined && Math.abs(this.scroller.scrollTop - down) > 1) {
      this.scroller.scrollTop = down;
      this.placed = this.scroller.scrollTop;
    }
  }

  scrolled() {
    const top = Math.round(this.scroller.scrollTop);
    if (this.placed !== undefined && Math.abs(top - this.placed) < 2) return;
    this.placed = undefined;
    clearTimeout(this.asked);
    this.asked = setTimeout(() => {
      this.asked = undefined;
      this.placed = top;
      this.ask({ scroll: top });
    }, 60);
  }

  key(event) {
    if (!this.body?.contains(event.target) || ["SELECT", "INPUT"].includes(event.target.tagName)) return false;
    const step = { n: "next", p: "previous" }[event.key];
    if (step) this.ask({ step });
    else if (event.key === "Escape") this.ask({ key: "" });
    else return false;
    return true;
  }
}
