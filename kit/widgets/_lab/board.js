// The board: code with switches, the table of verdicts, and the answer to one of them.
// Draws what Python describes (board_view.py) and sends back what is chosen.

// A switch at its line: on is the first option, off the last; the others are in the list beside it.
class Line {
  constructor(act) {
    this.act = act;
    this.code = h("code");
    this.note = h("span", { class: "kit-board-note" });
    this.gutter = h("span", { class: "kit-board-gutter" });
    this.element = h("div", { class: "kit-board-line" }, this.gutter, this.code, this.note);
  }

  update(line) {
    put(this.code, "  ".repeat(line.depth) + line.code);
    put(this.note, line.note ? `// ${line.note}` : "");
    set(this.element, "data-off", line.off ? "true" : null);
    if (!line.switch) return;
    if (!this.toggle) this.add();
    const { name, kind, words, chosen, options, on, right } = line.switch;
    this.name = name;
    this.options = options;
    this.chosen = chosen;
    this.on = on;
    set(this.element, "data-switch", name);
    set(this.toggle, "data-switch", name);
    set(this.toggle, "data-kind", kind);
    set(this.toggle, "data-right", String(right));
    set(this.toggle, "aria-checked", String(on));
    set(this.toggle, "aria-label", `${name}: ${chosen}`);
    set(this.toggle, "title", `${name} (${words}): ${chosen}\nspace: on and off; ← →: ${options.join(", ")}`);
    this.list.hidden = options.length < 3;
    if (this.list.options.length !== options.length) {
      this.list.replaceChildren(...options.map((text) => h("option", { value: text, text })));
    }
    this.list.value = chosen;
    set(this.list, "title", `${name}: ${words}`);
    set(this.list, "aria-label", `${name}: which`);
  }

  add() {
    this.toggle = h("button", {
      class: "kit-board-toggle",
      type: "button",
      role: "switch",
      tabindex: "-1",
      on: { click: () => this.choose(this.on ? this.options.at(-1) : this.options[0]) },
    });
    this.toggle.append(h("span", { class: "kit-board-knob", "aria-hidden": "true" }));
    this.list = h("select", {
      class: "kit-board-options",
      tabindex: "-1",
      on: { change: () => this.choose(this.list.value) },
    });
    this.gutter.append(this.toggle);
    this.element.append(this.list);
  }

  step(by) {
    const at = this.options.indexOf(this.chosen) + by;
    if (at >= 0 && at < this.options.length) this.choose(this.options[at]);
  }

  choose(option) {
    this.act({ type: "set", switch: this.name, option });
  }
}

class Code {
  constructor(act) {
    this.act = act;
    this.lines = [];
    this.shape = "";
    this.element = h("div", { class: "kit-board-code", role: "group", "aria-label": "code with switches" });
  }

  update(shown) {
    const lines = shown.threads.flatMap((thread) => thread.lines);
    const shape = JSON.stringify([shown.name, shown.threads.map((t) => [t.title, t.lines.map((l) => l.switch?.name ?? "")])]);
    if (shape !== this.shape) this.build(shown, shape);
    lines.forEach((line, index) => this.lines[index].update(line));
    const toggles = this.toggles();
    if (!toggles.some((toggle) => toggle.tabIndex === 0) && toggles.length) toggles[0].tabIndex = 0;
  }

  // Lines come and go (a callback's thread); whoever had the focus keeps it.
  build(shown, shape) {
    this.shape = shape;
    const held = this.held()?.name;
    this.lines = [];
    this.element.replaceChildren(
      ...shown.threads.map((thread) => {
        const own = thread.lines.map(() => new Line(this.act));
        this.lines.push(...own);
        const head = h("h4", { class: "kit-board-thread", text: thread.title });
        return h("section", {}, head, ...own.map((line) => line.element));
      }),
    );
    shown.threads.flatMap((thread) => thread.lines).forEach((line, index) => this.lines[index].update(line));
    const again = held && this.lines.find((line) => line.name === held);
    if (again) this.focus(again.toggle);
  }

  toggles() {
    return this.lines.filter((line) => line.toggle).map((line) => line.toggle);
  }

  held() {
    const active = this.element.getRootNode().activeElement;
    return this.lines.find((line) => line.toggle && line.toggle === active);
  }

  focus(toggle) {
    for (const each of this.toggles()) each.tabIndex = each === toggle ? 0 : -1;
    toggle.focus();
  }

  key(event) {
    const line = this.held();
    if (!line) return false;
    const toggles = this.toggles();
    const at = toggles.indexOf(line.toggle);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: toggles.length - 1 }[event.key];
    if (to !== undefined) this.focus(toggles[Math.max(0, Math.min(to, toggles.length - 1))]);
    else if (event.key === "ArrowLeft") line.step(-1);
    else if (event.key === "ArrowRight") line.step(1);
    else return false;
    return true;
  }
}

class Verdicts {
  constructor(act) {
    this.act = act;
    this.cells = [];
    this.shape = "";
    this.table = h("table", { class: "kit-table kit-board-table", "aria-label": "verdicts" });
    this.element = h("div", { class: "kit-board-verdicts" }, this.table);
  }

  update(shown) {
    const shape = JSON.stringify([shown.rows.map((row) => row.name), shown.models]);
    if (shape !== this.shape) this.build(shown, shape);
    shown.rows.forEach((row, r) =>
      row.cells.forEach((cell, c) => {
        const button = this.cells[r][c];
        const race = cell.race ? ", data race" : "";
        const was = cell.was ? `, was ${cell.was}` : "";
        put(button.children[0], cell.mark);
        put(button.children[1], cell.verdict);
        put(button.children[2], cell.race ? "race" : "");
        set(button, "data-verdict", cell.verdict);
        set(button, "data-changed", cell.was ? "true" : null);
        set(button, "aria-pressed", String(cell.chosen));
        set(button, "aria-label", `${row.name} under ${cell.model}: ${cell.verdict}${race}${was}`);
        set(button, "title", `${row.words}: ${cell.verdict}${race}${was}`);
        button.tabIndex = cell.chosen ? 0 : -1;
      }),
    );
  }

  build(shown, shape) {
    this.shape = shape;
    const head = h("tr", {}, h("th", { scope: "col", text: "can it happen?" }));
    for (const model of shown.models) head.append(h("th", { scope: "col", text: model.text, title: model.title }));
    const body = h("tbody");
    this.cells = shown.rows.map((row) => {
      const line = h("tr");
      const words = h("span", { class: "kit-board-words", text: row.words });
      line.append(h("th", { scope: "row" }, h("strong", { text: row.name }), words));
      const cells = row.cells.map((cell) => {
        const button = h("button", {
          class: "kit-board-verdict",
          type: "button",
          "data-question": row.name,
          "data-model": cell.model,
          on: { click: () => this.act({ type: "look", question: row.name, model: cell.model }) },
        });
        button.append(h("span", { "aria-hidden": "true" }), h("span"), h("small"));
        line.append(h("td", {}, button));
        return button;
      });
      body.append(line);
      return cells;
    });
    this.table.replaceChildren(h("thead", {}, head), body);
  }

  key(event) {
    const active = this.element.getRootNode().activeElement;
    const r = this.cells.findIndex((row) => row.includes(active));
    if (r < 0) return false;
    const c = this.cells[r].indexOf(active);
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [];
    if (down === undefined) return false;
    const next = this.cells[r + down]?.[c + right];
    if (next) {
      active.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    }
    return true;
  }
}

class Answer {
  constructor() {
    this.head = h("p", { class: "kit-board-head" });
    this.race = h("p", { class: "kit-board-race" });
    this.steps = h("ol", { class: "kit-board-steps" });
    this.more = h("p", { class: "kit-board-note" });
    this.picture = h("div", { class: "kit-board-picture" });
    this.text = h("pre");
    const details = h("details", { class: "kit-board-text" }, h("summary", { text: "the litmus test" }), this.text);
    this.element = h("div", { class: "kit-board-answer" }, this.head, this.race, this.steps, this.more, this.picture, details);
  }

  update({ answer, text }) {
    put(this.head, answer.head);
    put(this.race, answer.race);
    put(this.more, answer.more);
    set(this.element, "data-verdict", answer.verdict);
    this.steps.hidden = !answer.steps.length;
    this.steps.replaceChildren(
      ...answer.steps.map((step) => h("li", { text: `${step.words} ` }, h("code", { text: step.relation }))),
    );
    if (answer.picture !== this.drawn) {
      this.drawn = answer.picture;
      // The kit's own drawing, parsed as an image and not as a page.
      const parsed = new DOMParser().parseFromString(answer.picture || "<svg/>", "image/svg+xml");
      this.picture.replaceChildren(document.importNode(parsed.documentElement, true));
      this.picture.hidden = !answer.picture;
    }
    put(this.text, text);
  }
}

function render({ model, el }) {
  const root = h("div", { class: "kit-widget kit-board", role: "region", "aria-label": "publication board" });
  const message = h("p", { class: "kit-message", role: "status", "aria-live": "polite" });
  const act = (content) => model.send(content);
  const title = h("h3", { class: "kit-board-title" });
  const differs = h("span", { class: "kit-board-note" });
  const presets = h("span", { class: "kit-board-presets", role: "toolbar", "aria-label": "presets" });
  const code = new Code(act);
  const verdicts = new Verdicts(act);
  const answer = new Answer();
  const right = h("div", { class: "kit-board-right" }, verdicts.element, answer.element);
  const left = h("div", { class: "kit-board-left" }, code.element, differs);
  root.append(
    h("div", { class: "kit-board-top" }, title, presets),
    h("div", { class: "kit-board-main" }, left, right),
    message,
  );
  el.append(root);

  const update = () => {
    const shown = JSON.parse(model.get("shown"));
    if (!shown.threads) return;
    title.replaceChildren(h("strong", { text: shown.name }), ` ${shown.title}`);
    if (presets.children.length !== shown.presets.length) {
      presets.replaceChildren(
        ...shown.presets.map(({ name, text, title: words }) =>
          h("button", {
            class: "kit-button",
            type: "button",
            "data-preset": name,
            title: words,
            text,
            on: { click: () => act({ type: "reset", preset: name }) },
          }),
        ),
      );
    }
    shown.presets.forEach((preset, index) => set(presets.children[index], "aria-pressed", String(preset.on)));
    put(differs, shown.differs);
    code.update(shown);
    verdicts.update(shown);
    answer.update(shown);
    put(message, shown.message);
    message.classList.toggle("kit-bad", shown.bad);
  };
  model.on("change:shown", update);
  update();

  // JupyterLab takes keys before any element hears of them; inside the board plain ones are ours.
  const keys = (event) => {
    const inside = event.composedPath().includes(root);
    if (!inside || event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopImmediatePropagation();
    if (code.key(event) || verdicts.key(event)) event.preventDefault();
  };
  window.addEventListener("keydown", keys, true);
  const showStill = hideStill(model);
  return () => {
    showStill();
    window.removeEventListener("keydown", keys, true);
    model.off("change:shown", update);
  };
}

export default { render };
