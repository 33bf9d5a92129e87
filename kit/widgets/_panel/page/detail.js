// One event in full: its marker and source line, fields, and the spans that it happened inside of.
class EventDetail {
  // `show` is called with the key of an event; `close` without anything.
  constructor(show, close) {
    this.show = show;
    this.marker = h("span", { class: "kit-detail-marker" });
    this.where = h("code", { class: "kit-detail-where" });
    this.source = h("code", { class: "kit-detail-source" });
    this.extra = h("span", { class: "kit-detail-rank" });
    const shut = h("button", {
      class: "kit-button kit-detail-close",
      type: "button",
      "data-action": "close-event",
      "aria-label": "Close the event",
      title: "show no event in full (Esc)",
      text: "×",
      on: { click: close },
    });
    this.facts = h("dl", { class: "kit-detail-facts", "aria-label": "what happened" });
    this.fields = h("dl", { class: "kit-detail-facts", "aria-label": "fields" });
    this.around = h("ol", { class: "kit-around", "aria-label": "enclosing spans, the outermost first" });
    this.inside = h("p", { class: "kit-word" });
    const head = h("div", { class: "kit-detail-head" }, this.marker, this.extra, shut);
    const line = h("div", { class: "kit-detail-line" }, this.where, this.source);
    const lists = h("div", { class: "kit-detail-lists" }, this.facts, this.fields, h("div", {}, this.inside, this.around));
    this.element = h("section", { class: "kit-event", "aria-label": "one event in full", hidden: true }, head, line, lists);
  }

  update(event, extra = "") {
    this.element.hidden = !event;
    if (!event) return;
    put(this.marker, event.marker);
    put(this.where, event.where);
    set(this.where, "title", event.where ? "where the marker is declared" : null);
    put(this.source, event.source);
    put(this.extra, extra);
    this.list(this.facts, event.facts);
    this.list(this.fields, event.fields);
    put(this.inside, event.around.length ? "inside of" : "inside of no other span");
    const known = JSON.stringify(event.around);
    if (known === this.known) return;
    this.known = known;
    const spans = event.around.map(([key, marker, took, before], depth) =>
      h(
        "li",
        { style: `padding-left: ${8 * Math.min(depth, 8)}px` },
        h("button", {
          class: "kit-around-span",
          type: "button",
          "data-event": key,
          title: `show this span: it began ${before}`,
          text: marker,
          on: { click: () => this.show(key) },
        }),
        h("span", { class: "kit-num", text: ` ${took}` }),
        h("span", { class: "kit-word", text: ` ${before}` }),
      ),
    );
    this.around.replaceChildren(...spans);
  }

  list(list, pairs) {
    list.hidden = !pairs.length;
    const known = JSON.stringify(pairs);
    if (list.known === known) return;
    list.known = known;
    list.replaceChildren(...pairs.flatMap(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })]));
  }
}
