// The list of markers.  One stop for the Tab key; arrows move inside it, Space switches, Enter chooses
// what the tabs show, and the twisty, to the left, opens.

class MarkerRow {
  constructor(list, name) {
    this.list = list;
    this.name = name;
    this.dots = new Map();
    this.details = new Map();
    this.open = false;
    this.twist = h("button", {
      class: "kit-twist",
      type: "button",
      tabindex: "-1",
      "aria-label": `probes of ${name}`,
      "aria-expanded": "false",
      title: "what its probes have done, and what can be asked of them",
      "data-marker": name,
      text: "▸",
      on: { click: () => this.expand() },
    });
    // In a narrow list the beginning gives way: what tells names apart is at the end.
    const cut = name.lastIndexOf(".") + 1;
    this.label = h(
      "span",
      { class: "kit-name", role: "gridcell" },
      h("span", { class: "kit-family", text: name.slice(0, cut) }),
      h("span", { class: "kit-own-name", text: name.slice(cut) }),
    );
    this.spark = new Spark();
    this.rate = h("span", { class: "kit-rate kit-num", role: "gridcell" });
    this.holder = h("span", { class: "kit-dots", role: "gridcell" });
    this.element = h("div", {
      class: "kit-row",
      role: "row",
      tabindex: "-1",
      "data-marker": name,
      "aria-label": name,
      "aria-expanded": "false",
      on: { click: (event) => event.target.closest("button") || this.choose(event) },
    });
    const twist = h("span", { role: "gridcell" }, this.twist);
    this.element.append(twist, this.label, this.spark.element, this.rate, this.holder);
    this.more = h("div", { class: "kit-more", hidden: true, role: "group", "data-marker": name, "aria-label": `probes of ${name}` });
  }

  mark() {
    set(this.element, "aria-selected", String(this.list.choosing.has(this.name)));
  }

  choose(event) {
    this.element.focus({ preventScroll: true }); // a click with Shift does not
    this.list.choosing.choose(this.name, event, [...this.list.rows.keys()]);
  }

  expand(open = !this.open) {
    this.open = open;
    set(this.element, "aria-expanded", String(open));
    set(this.twist, "aria-expanded", String(open));
    this.more.hidden = !open;
    if (!open) return;
    this.updateDetails();
    this.more.scrollIntoView({ block: "nearest" });
    this.element.scrollIntoView({ block: "nearest" });
  }

  update(row) {
    this.row = row;
    this.mark();
    const skipped = row.skipped ? `\n${row.skipped} dispatches skipped: wrong arguments` : "";
    set(this.label, "title", `${row.name}  (${row.fields})\n${row.where}${skipped}\nclick: the tabs show only this one`);
    this.spark.update(row.spark, row.most);
    put(this.rate, row.rate);
    set(this.rate, "title", `fan-out ${row.fanout}; ${row.fired} dispatches so far`);
    this.sync(this.dots, this.holder, row.dots, () => new Dot(this.list.act, this.name));
    if (this.open) this.updateDetails();
  }

  // Keep one element for each dot, in order, made once: what has the focus keeps it.
  sync(map, parent, dots, make) {
    const keys = new Set(dots.map((dot) => dot.key));
    for (const [key, item] of map) {
      if (keys.has(key)) continue;
      item.element.remove();
      map.delete(key);
    }
    let before = parent.firstElementChild;
    for (const dot of dots) {
      const item = map.get(dot.key) ?? make(dot.key);
      map.set(dot.key, item);
      item.update(dot, this.row);
      if (item.element === before) before = before.nextElementSibling;
      else parent.insertBefore(item.element, before);
    }
  }

  updateDetails() {
    if (!this.picker) this.more.append((this.picker = this.makePicker()));
    this.sync(this.details, this.more, this.row.dots, (key) => new Detail(this.list, this.name, key));
  }

  makePicker() {
    const picker = h("select", {
      class: "kit-own",
      tabindex: "-1",
      "data-action": "own",
      "data-marker": this.name,
      "aria-label": `connect a function of your own to ${this.name}`,
      title: "connect a function of your own",
    });
    const fill = () => {
      const chosen = new Set(this.row.dots.filter((dot) => dot.on).map((dot) => dot.key));
      const free = this.list.functions.filter((each) => !chosen.has(each.key));
      const heading = free.length ? "+ your own function…" : "+ define a function to connect it here";
      const options = free.map((each) =>
        h("option", { value: each.key, title: each.hint, text: each.label }),
      );
      const known = [...picker.options].slice(1).map((option) => option.value).join();
      if (picker.options.length && known === free.map((each) => each.key).join()) return;
      picker.replaceChildren(h("option", { value: "", text: heading }), ...options);
    };
    fill();
    for (const kind of ["focus", "pointerenter"]) picker.addEventListener(kind, fill);
    picker.addEventListener("change", () => {
      if (picker.value) this.list.act({ action: "own", marker: this.name, probe: picker.value });
      picker.value = "";
    });
    return picker;
  }

  // What arrows stop at, from top to bottom.
  stops() {
    if (!this.open) return [this.element];
    const inside = [...this.more.querySelectorAll("button, select, input")];
    return [this.element, ...inside.filter((stop) => !stop.closest("[hidden]"))];
  }
}

class Detail {
  constructor(list, marker, key) {
    this.list = list;
    this.dot = new Dot(list.act, marker, { withText: true });
    this.calls = h("span", { class: "kit-calls kit-num" });
    this.cost = h("span", { class: "kit-cost kit-num", title: "what one call costs" });
    this.note = h("span", { class: "kit-note" });
    this.kept = h("span", { class: "kit-kept kit-num" });
    this.asking = new Asking(list.act, `${key} on ${marker}`, { marker, probe: key });
    this.settings = new Settings(list.act, marker, key);
    const line = h("div", { class: "kit-line" }, this.dot.element, this.calls, this.cost, this.asking.element);
    this.below = h("div", { class: "kit-below" }, this.settings.element, this.note, this.kept);
    this.element = h("div", { class: "kit-detail" }, line, this.asking.wrong, this.below);
  }

  update(dot, row) {
    this.dot.update(dot);
    this.element.dataset.probe = dot.key;
    put(this.calls, dot.calls ?? "");
    set(this.calls, "title", dot.calls ? `${dot.calls} calls` : null);
    put(this.cost, dot.on ? (dot.cost ?? "") : "");
    const bad = Boolean(dot.errors);
    put(this.note, bad ? `${dot.errors} errors` : (dot.off ?? (dot.misfit || dot.note) ?? ""));
    this.note.hidden = !this.note.textContent;
    this.note.classList.toggle("kit-bad", bad);
    set(this.note, "title", bad ? `${dot.error}${dot.off ? `\n${dot.off}` : ""}` : dot.more || dot.off || null);
    put(this.kept, dot.kept ?? "");
    set(this.kept, "title", dot.reasons ?? null);
    this.kept.classList.toggle("kit-throttled", Boolean(dot.throttled));
    this.asking.element.hidden = dot.when === undefined;
    if (dot.when !== undefined) this.asking.update(dot, this.list.often);
    this.settings.update(dot, row, this.list.actions);
    this.below.hidden = this.settings.element.hidden && !this.note.textContent && !dot.kept;
  }
}

class MarkerList {
  constructor(act, choosing) {
    this.act = act;
    this.choosing = choosing;
    choosing.marks.push(() => this.rows.forEach((row) => row.mark()));
    this.rows = new Map();
    this.functions = [];
    this.often = [];
    this.actions = [];
    this.element = h("div", {
      class: "kit-list",
      role: "treegrid",
      "aria-label": "markers",
      "aria-multiselectable": "true",
      on: { focusin: (event) => this.hold(event.target) },
    });
    this.empty = h("p", { class: "kit-empty" });
    this.hidden = h("p", { class: "kit-empty" });
  }

  update(shown) {
    this.functions = shown.functions;
    this.often = shown.often;
    this.actions = shown.actions;
    const names = new Set(shown.rows.map((row) => row.name));
    for (const [name, row] of this.rows) {
      if (names.has(name)) continue;
      row.element.remove();
      row.more.remove();
      this.rows.delete(name);
    }
    let before = this.element.firstElementChild;
    const place = (element) => {
      if (element === before) before = before.nextElementSibling;
      else this.element.insertBefore(element, before);
    };
    for (const described of shown.rows) {
      const row = this.rows.get(described.name) ?? new MarkerRow(this, described.name);
      this.rows.set(described.name, row);
      row.update(described);
      place(row.element);
      place(row.more);
    }
    this.explain(shown);
    if (!this.element.querySelector('[tabindex="0"]')) this.hold(this.stops()[0]);
  }

  explain(shown) {
    const nothing = shown.filter
      ? `No marker matches “${shown.filter}”. Clear the filter to see all.`
      : `No marker matches ${shown.pattern} yet. Import the program that declares some, or declare one: kit.marker("orders.fill", qty=int).`;
    put(this.empty, shown.rows.length ? "" : nothing);
    put(this.hidden, shown.hidden ? `${shown.hidden} more: filter to see them.` : "");
    for (const note of [this.empty, this.hidden]) {
      if (note.textContent && !note.isConnected) this.element.append(note);
      else if (!note.textContent) note.remove();
    }
  }

  stops() {
    return [...this.rows.values()].flatMap((row) => row.stops());
  }

  // The one element that Tab comes back to.
  hold(element) {
    if (!element || element === this.element) return;
    for (const other of this.element.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    element.tabIndex = 0;
  }

  // Do what a key means here; false if it means nothing.
  key(event) {
    const target = event.target;
    const row = this.rows.get(target.closest("[data-marker]")?.dataset.marker);
    return Boolean(row && this.element.contains(target) && this.move(event, target, row));
  }

  move(event, target, row) {
    const { key } = event;
    if (target.matches(".kit-when") && ["Home", "End", "Enter", "Escape"].includes(key)) {
      if (key === "Escape") row.details.get(target.closest(".kit-detail").dataset.probe).asking.restore();
      return false;
    }
    const dots = [...row.holder.children];
    const inRow = target === row.element || target === row.twist || dots.includes(target);
    const at = dots.indexOf(target);
    switch (key) {
      case "ArrowDown":
      case "ArrowUp": {
        const stops = this.stops();
        const here = stops.indexOf(inRow ? row.element : target);
        return this.focus(stops[here + (key === "ArrowDown" ? 1 : -1)]);
      }
      case "ArrowRight":
        return inRow && this.focus(target === row.twist ? row.element : dots[at + 1]);
      case "ArrowLeft":
        return inRow && this.focus(target === row.element ? row.twist : at > 0 ? dots[at - 1] : row.element);
      case "Home":
        return this.focus(this.stops()[0]);
      case "End":
        return this.focus(this.stops().at(-1));
      case "Enter":
        if (target.matches("select, input") || target === row.twist) return false;
        if (target === row.element) row.choose({ ctrlKey: event.shiftKey });
        else if (inRow) row.expand();
        else row.expand(false), this.focus(row.element);
        return true;
      case "Escape":
        return this.choosing.none();
      case " ":
        if (target !== row.element) return false; // a dot is a button, and knows what to do
        dots[0]?.click();
        return true;
      default:
        return false;
    }
  }

  focus(element) {
    element?.focus();
    return true;
  }
}
