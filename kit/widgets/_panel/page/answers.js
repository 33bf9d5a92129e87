// What a view tells the kernel of itself: whether it is seen, and what it has painted.

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
    if (visible === this.visible) return;
    this.visible = visible;
    this.hello();
  }

  hello() {
    this.send({ type: "shown", visible: this.visible });
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
    if (!this.closed) this.send({ type: "left" });
  }
}
