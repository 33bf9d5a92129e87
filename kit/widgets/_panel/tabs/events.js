// The tab of the newest events, as text.
class Events {
  constructor() {
    const heads = ["time, s", "marker", "thread", "took", "fields"];
    const head = h("tr", {}, ...heads.map((text) => h("th", { text, scope: "col" })));
    this.body = h("tbody");
    this.table = h("table", { class: "kit-table kit-events", "aria-label": "newest events" }, h("thead", {}, head), this.body);
    this.printed = h("pre", { class: "kit-printed", "aria-label": "printed events", hidden: true });
    this.element = h("div", { class: "kit-latest" }, this.printed, this.table);
  }

  update({ latest, printed }) {
    this.table.hidden = !latest.length;
    rows(this.body, latest, [1, 4]);
    this.printed.hidden = !printed.length;
    const { scrollTop, scrollHeight, clientHeight } = this.printed;
    const following = scrollTop + clientHeight >= scrollHeight - 4;
    put(this.printed, printed.join("\n"));
    if (following) this.printed.scrollTop = this.printed.scrollHeight;
  }
}
