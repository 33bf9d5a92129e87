// The tab Latency: a line a marker, sorted by any column; a click shows that marker alone.

const COLUMNS = [
  ["marker", "name of the marker; a click on a row shows that marker alone"],
  ["events", "how many events were recorded and kept"],
  ["rate", "events per second, from the first event of all to the last"],
  ["of", "what p50, p99 and max are of: durations of spans, or gaps from one event to the next"],
  ["p50", "half of them are at most so long"],
  ["p99", "99 of 100 are at most so long"],
  ["max", "the longest of them"],
];

class Latency {
  constructor(act, choosing) {
    this.choosing = choosing;
    choosing.marks.push(() => this.mark());
    this.sort = { column: 1, down: true };
    this.rows = new Map();
    this.heads = COLUMNS.map(([text, title], column) => {
      const button = h("button", { class: "kit-sort", type: "button", title, text, on: { click: () => this.sortBy(column) } });
      return h("th", { scope: "col", "data-column": text }, button);
    });
    this.body = h("tbody");
    this.table = h(
      "table",
      { class: "kit-table kit-summary", "aria-label": "markers, and how long they took" },
      h("thead", {}, h("tr", {}, ...this.heads)),
      this.body,
    );
    this.by = new Chooser("by", "draw a line or colour for each value of a field", (by) => act({ action: "split", by }));
    this.by.element.tabIndex = 0;
    this.split = h("div", { class: "kit-split" }, h("span", { class: "kit-word", text: "Plots" }), this.by.element);
    const holder = h("div", { class: "kit-summary-holder" }, this.table);
    this.element = h("div", { class: "kit-latency" }, holder, this.split);
  }

  sortBy(column) {
    // Names from a to z, numbers from the largest on; another click turns it round.
    const same = this.sort.column === column;
    this.sort = { column, down: same ? !this.sort.down : column !== 0 && column !== 3 };
    this.place();
  }

  update({ lines, by, choices }) {
    this.element.hidden = !lines.length;
    this.split.hidden = choices.length < 2;
    this.by.update(choices, by);
    const names = new Set(lines.map((line) => line.name));
    for (const [name, row] of this.rows) {
      if (names.has(name)) continue;
      row.element.remove();
      this.rows.delete(name);
    }
    for (const line of lines) {
      const row = this.rows.get(line.name) ?? this.add(line.name);
      row.line = line;
      const { of, texts } = line;
      [texts[0], texts[1], of, ...texts.slice(2)].forEach((text, index) => put(row.cells[index], text));
      set(row.element, "data-of", of);
    }
    this.mark();
    this.place();
  }

  mark() {
    for (const [name, { element, button }] of this.rows) {
      set(element, "aria-selected", String(this.choosing.has(name)));
      set(button, "aria-pressed", String(this.choosing.has(name)));
    }
  }

  add(name) {
    const button = h("button", { class: "kit-pick", type: "button", tabindex: "-1", title: name, text: name });
    const cells = COLUMNS.slice(1).map(() => h("td"));
    const element = h(
      "tr",
      { "data-marker": name, on: { click: (event) => this.choosing.choose(name, event, this.names()) } },
      h("th", { scope: "row" }, button),
      ...cells,
    );
    const row = { button, cells, element };
    this.rows.set(name, row);
    return row;
  }

  names() {
    return [...this.body.rows].map((row) => row.dataset.marker);
  }

  place() {
    const { column, down } = this.sort;
    this.heads.forEach((head, index) =>
      set(head, "aria-sort", index === column ? (down ? "descending" : "ascending") : null),
    );
    // Durations and gaps are not compared with one another; what is missing comes last.
    const value = ({ line }) => {
      if (column === 0 || column === 3) return line[column ? "of" : "name"];
      return line.numbers[column < 3 ? column - 1 : column - 2];
    };
    const order = (a, b) => {
      if (column > 3 && a.line.of !== b.line.of) return a.line.of < b.line.of ? -1 : 1;
      const [x, y] = [value(a), value(b)];
      if (x === y) return 0;
      if (x === null || y === null) return x === null ? 1 : -1;
      return x < y === down ? 1 : -1;
    };
    const rows = [...this.rows.values()].sort(order);
    rows.forEach(({ element }, index) => {
      if (this.body.rows[index] !== element) this.body.insertBefore(element, this.body.rows[index] ?? null);
    });
    const buttons = rows.map((row) => row.button);
    if (buttons.length && !buttons.some((button) => button.tabIndex === 0)) buttons[0].tabIndex = 0;
  }

  // Arrows move from row to row; Escape shows all markers.
  key(event) {
    if (!this.element.contains(event.target)) return false;
    if (event.key === "Escape") return this.choosing.none();
    const buttons = [...this.body.querySelectorAll(".kit-pick")];
    const at = buttons.indexOf(event.target);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || !buttons[next]) return false;
    event.target.tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
    return true;
  }
}
