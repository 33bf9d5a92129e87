// The tab Events: a table of all events, of which only the rows in sight are in the page.
//
// Rows are asked for by number, and kept in blocks.  While a program is recorded the table follows
// it; scrolling, sorting or opening an event has Python hold still what is kept.

const LINE = 22; // px
const HEAD = 25;
const BLOCK = 100;
const TALLEST = 8_000_000; // px; browsers cannot scroll what is much taller

class Events {
  constructor(model, act) {
    this.model = model;
    this.act = act;
    this.view = crypto.randomUUID?.() ?? Math.random().toString(36).slice(2);
    this.blocks = new Map();
    this.first = 0;
    this.cursor = this.wanted = -1;
    this.shows = { table: 0, total: 0, heads: [], follow: true };
    this.printed = h("pre", { class: "kit-printed", "aria-label": "printed events", hidden: true });

    this.when = h("input", {
      class: "kit-when",
      type: "text",
      placeholder: "condition, such as: dur > 10 ms",
      title: "which events to show, such as: dur > 10 ms and error is None",
      "aria-label": "condition for the events shown",
      "data-asks": "events-when",
      spellcheck: "false",
      autocomplete: "off",
      on: { change: () => this.ask({ when: this.when.value }) },
    });
    this.brushed = h("input", {
      type: "checkbox",
      "data-asks": "brushed",
      title: "only the events that are brushed in a plot",
      on: { change: () => this.ask({ brushed: this.brushed.checked }) },
    });
    this.only = h("label", { class: "kit-once-only", title: "only the events that are brushed in a plot" }, this.brushed, "selection only");
    this.says = h("span", { class: "kit-num kit-word", role: "status" });
    this.again = this.button("again", "Look again", "take in what was recorded since", () => this.ask({ again: true }));
    this.follow = this.button("follow", "Follow", "show the newest events as they come", () => {
      this.first = 0;
      this.cursor = -1;
      this.ask({ held: false });
    });
    this.wrong = h("p", { class: "kit-wrong kit-bad", role: "alert", hidden: true });
    const second = h("div", { class: "kit-events-bar" }, this.says, this.only, this.again, this.follow);
    const bar = h("div", {}, this.when, this.wrong, second);

    this.heads = h("tr", { "aria-rowindex": "1" });
    this.body = h("tbody");
    this.table = h(
      "table",
      { class: "kit-table kit-events", role: "grid", tabindex: "0", "aria-label": "events" },
      h("thead", {}, this.heads),
      this.body,
    );
    this.sheet = h("div", { class: "kit-sheet" }, this.table);
    this.height = h("div", { class: "kit-height", "aria-hidden": "true" });
    this.scroller = h("div", { class: "kit-scroller" }, this.sheet, this.height);
    this.scroller.addEventListener("scroll", () => this.scrolled());
    this.scroller.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    this.body.addEventListener("click", (event) => this.clicked(event));
    const show = (key) => this.ask({ key });
    this.detail = new EventDetail(show, () => this.ask({ key: "" }));
    this.element = h("div", { class: "kit-latest" }, this.printed, bar, this.scroller, this.detail.element);
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.scroller);
    model.on("change:rows", () => this.live());
    model.on("msg:custom", (message) => this.got(message));
    this.live();
  }

  button(name, text, title, click) {
    return h("button", { class: "kit-button", type: "button", "data-action": name, title, text, on: { click } });
  }

  ask(asked) {
    this.act({ action: "events", ...asked });
  }

  // What Python says of the table; rows come by themselves.
  update(shows, { printed }) {
    const before = this.shows;
    this.shows = shows;
    if (shows.table !== before.table) {
      this.blocks.clear();
      if (shows.sort !== before.sort || shows.when !== before.when || shows.brushed !== before.brushed) this.goTo(0);
    }
    const typing = this.when.getRootNode().activeElement === this.when;
    if (!typing && this.when.value !== shows.when) this.when.value = shows.when;
    set(this.when, "aria-invalid", shows.wrong ? "true" : null);
    const mark = shows.wrong ? `${shows.when}\n${" ".repeat(shows.mark)}^ ${shows.wrong}` : "";
    put(this.wrong, mark);
    this.wrong.hidden = !mark;
    this.brushed.checked = shows.brushed;
    this.only.hidden = !shows.brush && !shows.brushed;
    put(this.says, shows.says);
    this.follow.hidden = this.again.hidden = !shows.recording || shows.follow;
    this.printed.hidden = !printed.length;
    const { scrollTop, scrollHeight, clientHeight } = this.printed;
    const following = scrollTop + clientHeight >= scrollHeight - 4;
    put(this.printed, printed.join("\n"));
    if (following) this.printed.scrollTop = this.printed.scrollHeight;
    this.head();
    this.detail.update(shows.event);
    const opened = shows.event ? `${shows.table} ${shows.event.key}` : "";
    if (opened && opened !== this.opened && shows.at >= 0) {
      this.cursor = shows.at;
      this.reveal(this.cursor);
    }
    this.opened = opened;
    this.draw();
  }

  head() {
    const known = JSON.stringify([this.shows.heads, this.shows.sort]);
    if (known === this.known) return;
    this.known = known;
    const { sort, heads } = this.shows;
    const cells = heads.map(([title, kind], column) => {
      const cell = h("th", { scope: "col", role: "columnheader", "aria-colindex": column + 1, class: `kit-is-${kind}` });
      if (!["time", "dur", "marker"].includes(kind)) {
        cell.append(title);
        return cell;
      }
      const now = sort.replace("-", "") === kind ? (sort.startsWith("-") ? "descending" : "ascending") : "none";
      const most = kind === "marker" ? kind : `-${kind}`;
      const other = kind === "marker" ? `-${kind}` : kind;
      const next = sort === most ? other : most;
      set(cell, "aria-sort", now);
      const arrow = { ascending: " ▲", descending: " ▼", none: "" }[now];
      cell.append(
        h("button", {
          class: "kit-sort",
          type: "button",
          "data-sort": kind,
          title: `sort by ${title}`,
          text: title + arrow,
          on: { click: () => this.ask({ sort: next }) },
        }),
      );
      return cell;
    });
    // The button that was pressed keeps the focus.
    const focused = this.heads.getRootNode().activeElement?.dataset?.sort;
    this.heads.replaceChildren(...cells);
    if (focused) this.heads.querySelector(`[data-sort="${focused}"]`)?.focus();
    set(this.table, "aria-colcount", heads.length);
  }

  // Rows.

  live() {
    this.newest = JSON.parse(this.model.get("rows") || "[]");
    this.draw();
  }

  got({ type, to, table, first, rows }) {
    if (type !== "rows" || to !== this.view || table !== this.shows.table) return;
    this.blocks.set(first / BLOCK, rows);
    this.draw();
  }

  row(number) {
    if (this.shows.follow || !this.shows.table) return this.newest[number];
    const block = Math.floor(number / BLOCK);
    if (!this.blocks.has(block)) {
      if (this.blocks.size > 40) this.blocks.clear();
      this.blocks.set(block, []);
      this.act({ action: "rows", from: this.view, table: this.shows.table, first: block * BLOCK, count: BLOCK });
    }
    return this.blocks.get(block)[number - block * BLOCK];
  }

  get lines() {
    return Math.max(1, Math.floor((this.scroller.clientHeight - HEAD) / LINE));
  }

  get last() {
    return Math.max(0, this.shows.total - this.lines);
  }

  draw() {
    const { total, heads, table, follow, when } = this.shows;
    this.scroller.hidden = !total && !when;
    if (!this.scroller.clientHeight) return;
    // The frame and the heading do not scroll away.
    const tall = Math.min(TALLEST, (total - this.lines) * LINE);
    this.scaled = tall === TALLEST;
    this.height.style.height = `${Math.max(0, tall)}px`;
    this.first = Math.min(this.first, this.last);
    const count = Math.min(this.lines, total - this.first);
    set(this.table, "aria-rowcount", total + 1);
    while (this.body.rows.length > Math.max(count, 0)) this.body.deleteRow(-1);
    for (let line = 0; line < count; line += 1) {
      const number = this.first + line;
      const element = this.body.rows[line] ?? this.body.insertRow();
      const [key, failed, ...cells] = this.row(number) ?? ["", ""];
      element.id = `kit-row-${this.view}-${line}`;
      set(element, "role", "row");
      set(element, "aria-rowindex", number + 2);
      set(element, "data-event", key || null);
      set(element, "data-failed", failed || null);
      set(element, "aria-selected", String(!follow && Boolean(table) && number === this.cursor));
      while (element.cells.length > heads.length) element.deleteCell(-1);
      heads.forEach(([, kind], column) => {
        const cell = element.cells[column] ?? element.insertCell();
        const text = cells[column] ?? (column ? "" : "…");
        put(cell, text);
        set(cell, "role", "gridcell");
        set(cell, "aria-colindex", column + 1);
        set(cell, "class", `kit-is-${kind}`);
        set(cell, "title", text.length > 14 ? text : null);
      });
    }
    const line = this.cursor - this.first;
    if (this.wanted === this.cursor && this.body.rows[line]?.dataset.event) {
      this.wanted = -1;
      this.open(this.body.rows[line]);
    }
    set(this.table, "aria-activedescendant", line >= 0 && line < count ? `kit-row-${this.view}-${line}` : null);
  }

  // Scrolling.

  scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    if (this.placed !== undefined && Math.abs(scrollTop - this.placed) < 2) return;
    this.placed = undefined;
    const room = Math.max(1, scrollHeight - clientHeight);
    this.first = this.scaled ? Math.round((scrollTop / room) * this.last) : Math.min(this.last, Math.round(scrollTop / LINE));
    if (this.first > 0) this.hold();
    this.draw();
  }

  // Where a pixel is many rows, the wheel goes by rows.
  wheeled(event) {
    if (!this.scaled || event.ctrlKey || !event.deltaY) return;
    event.preventDefault();
    const lines = event.deltaMode === 0 ? event.deltaY / LINE : event.deltaY;
    this.goTo(this.first + (Math.abs(lines) < 1 ? Math.sign(lines) : Math.round(lines)));
    if (this.first > 0) this.hold();
    this.draw();
  }

  goTo(first) {
    this.first = Math.max(0, Math.min(this.last, first));
    const room = Math.max(0, this.scroller.scrollHeight - this.scroller.clientHeight);
    const place = this.scaled ? (this.last ? (this.first / this.last) * room : 0) : this.first * LINE;
    this.scroller.scrollTop = place;
    this.placed = this.scroller.scrollTop;
  }

  reveal(number) {
    if (number < this.first) this.goTo(number);
    else if (number >= this.first + this.lines) this.goTo(number - this.lines + 1);
  }

  hold() {
    if (!this.shows.follow || this.holding) return;
    this.holding = true;
    setTimeout(() => (this.holding = false), 1000);
    this.ask({ held: true });
  }

  // Reading.

  clicked(event) {
    // Who marks text wants to copy it.
    if (!this.element.ownerDocument.getSelection().isCollapsed) return;
    const row = event.target.closest("tr");
    if (row?.dataset.event) this.open(row);
  }

  open(row) {
    this.cursor = Number(row.getAttribute("aria-rowindex")) - 2;
    this.table.focus({ preventScroll: true });
    this.ask({ key: row.dataset.event });
    this.draw();
  }

  key(event) {
    if (event.key === "Escape" && this.shows.event && this.element.contains(event.target) && event.target !== this.when) {
      this.ask({ key: "" });
      this.table.focus({ preventScroll: true });
      return true;
    }
    if (event.target === this.when && event.key === "Enter") return this.when.blur(), this.when.focus(), true;
    if (event.target !== this.table) return false;
    const { total } = this.shows;
    const page = Math.max(1, this.lines - 1);
    const at = this.cursor < 0 ? this.first - 1 : this.cursor;
    const wanted = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: total - 1 }[event.key];
    if (wanted === undefined) {
      if (event.key !== "Enter" && event.key !== " ") return false;
      const row = this.body.rows[this.cursor - this.first];
      if (row?.dataset.event) this.open(row);
      else this.wanted = this.cursor; // its text is on the way
      return true;
    }
    this.wanted = -1;
    if (!total) return true;
    this.hold();
    this.cursor = Math.max(0, Math.min(total - 1, wanted));
    this.reveal(this.cursor);
    this.draw();
    return true;
  }

  close() {
    this.observer.disconnect();
  }
}
