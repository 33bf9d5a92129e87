// The stepper: threads with their code, memory, and the steps taken so far.
// Draws what Python describes (stepper_view.py) and sends back who is to move.

// One thread: its button, the line that comes next, what it holds.
class Thread {
  constructor(act) {
    this.act = act;
    this.key = h("kbd", { "aria-hidden": "true" });
    this.name = h("span");
    this.button = h("button", {
      class: "kit-button kit-step-move",
      type: "button",
      on: { click: () => this.move() },
    });
    this.button.append(h("span", { class: "kit-step-play", "aria-hidden": "true", text: "▶" }), this.name, this.key);
    this.role = h("span", { class: "kit-step-quiet" });
    this.inside = h("span", { class: "kit-step-inside" });
    this.next = h("p", { class: "kit-step-next" });
    this.outer = h("p", { class: "kit-step-outer" });
    this.code = h("ol", { class: "kit-step-code" });
    this.held = h("p", { class: "kit-step-held" });
    this.element = h(
      "section",
      { class: "kit-step-thread" },
      h("div", { class: "kit-step-head" }, this.button, this.role, this.inside),
      this.next,
      this.outer,
      this.code,
      this.held,
    );
  }

  move() {
    if (this.button.getAttribute("aria-disabled") === "true") return;
    this.act({ type: "step", thread: this.thread });
  }

  update(thread, number) {
    this.thread = thread.name;
    const stuck = thread.over || Boolean(thread.blocked);
    set(this.element, "data-thread", thread.name);
    set(this.element, "data-state", thread.crashed ? "crashed" : thread.over ? "over" : stuck ? "blocked" : "able");
    set(this.button, "data-thread", thread.name);
    set(this.button, "aria-disabled", stuck ? "true" : null);
    const does = thread.over ? (thread.crashed ? "crashed" : "done") : thread.blocked || thread.next;
    set(this.button, "aria-label", `${thread.name}: ${does}`);
    set(this.button, "title", stuck ? does : `${thread.next}\nkey ${number}`);
    put(this.name, thread.name);
    put(this.key, number < 10 ? String(number) : "");
    put(this.role, thread.name.startsWith(thread.role) ? "" : thread.role);
    put(this.inside, thread.inside.length ? `inside ${thread.inside.join(", ")}` : "");
    put(this.next, thread.over ? (thread.crashed ? "✗ crashed" : "✓ done") : `next: ${thread.next}`);
    if (thread.blocked) put(this.next, `${thread.next} (${thread.blocked})`);
    put(this.outer, thread.outer.map((each) => `${each.title}: ${each.line}`).join("\n"));
    this.outer.hidden = !thread.outer.length;
    this.updateCode(thread);
    const held = (thread.text?.held ?? []).map((each) => `${each.name} = ${each.value}`);
    if (thread.called.length) held.push(`called ${thread.called.join(", ")}`);
    put(this.held, held.join("   "));
  }

  updateCode(thread) {
    const lines = thread.text?.lines ?? [];
    const text = lines.join("\n");
    if (text !== this.text) {
      this.text = text;
      this.code.replaceChildren(...lines.map((line) => h("li", {}, h("code", { text: line || " " }))));
    }
    const current = thread.text?.current ?? -1;
    [...this.code.children].forEach((line, index) => set(line, "aria-current", index === current ? "step" : null));
    const line = this.code.children[current];
    if (!line) return;
    const { code } = this;
    // Only the code scrolls, never the page.
    if (line.offsetTop < code.scrollTop || line.offsetTop + line.offsetHeight > code.scrollTop + code.clientHeight) {
      code.scrollTop = Math.max(0, line.offsetTop - code.clientHeight / 2);
    }
  }
}

class Trace {
  constructor(act) {
    this.act = act;
    this.rows = [];
    this.list = h("ol", { class: "kit-step-list" });
    this.empty = h("p", { class: "kit-step-quiet", text: "no step yet: let a thread move" });
    this.element = h("div", { class: "kit-step-trace" }, h("h4", { text: "steps" }), this.empty, this.list);
  }

  update(shown) {
    this.empty.hidden = shown.trace.length > 0;
    while (this.rows.length > shown.trace.length) this.rows.pop().element.remove();
    shown.trace.forEach((step, index) => {
      const row = this.rows[index] ?? this.add();
      row.step = step.number;
      put(row.number, String(step.number));
      put(row.thread, step.thread);
      put(row.text, step.text);
      put(row.bad, step.bad.map((each) => `✗ ${each.name}`).join(" "));
      set(row.button, "data-taken", String(step.taken));
      set(row.button, "aria-current", step.number === shown.taken ? "step" : null);
      const wrong = step.bad.map((each) => `\n${each.name}: ${each.sentence}`).join("");
      set(row.button, "title", `go to the state after step ${step.number}${wrong}`);
    });
    const now = this.rows.find((row) => row.step === shown.taken);
    if (now) {
      const { list } = this;
      const top = now.element.offsetTop;
      if (top < list.scrollTop || top + now.element.offsetHeight > list.scrollTop + list.clientHeight) {
        list.scrollTop = Math.max(0, top - list.clientHeight + now.element.offsetHeight);
      }
    }
  }

  add() {
    const row = {
      number: h("span", { class: "kit-step-number" }),
      thread: h("span", { class: "kit-step-who" }),
      text: h("code"),
      bad: h("span", { class: "kit-step-bad" }),
    };
    row.button = h("button", {
      type: "button",
      tabindex: "-1",
      on: { click: () => this.act({ type: "goto", step: row.step }) },
    });
    row.button.append(row.number, row.thread, row.text, row.bad);
    row.element = h("li", {}, row.button);
    this.list.append(row.element);
    this.rows.push(row);
    return row;
  }
}

class Found {
  constructor(act) {
    this.act = act;
    this.button = h("button", {
      class: "kit-button",
      type: "button",
      "data-action": "explore",
      text: "explore",
      title: "take every interleaving from the start",
      on: { click: () => this.explore() },
    });
    this.words = h("span", { class: "kit-step-count" });
    this.list = h("ul", { class: "kit-step-found" });
    this.element = h(
      "div",
      { class: "kit-step-explored" },
      h("h4", { text: "all interleavings" }),
      h("div", { class: "kit-step-line" }, this.button, this.words),
      this.list,
    );
  }

  explore() {
    put(this.words, "exploring…");
    this.act({ type: "explore" });
  }

  update({ found, wrong }) {
    if (!found) {
      if (wrong) put(this.words, "");
      return;
    }
    const end = found.bad.length ? "" : ": no bad state";
    put(this.words, `${found.states} states, ${found.interleavings} interleavings${end}`);
    const shape = JSON.stringify(found.bad);
    if (shape === this.shape) return;
    this.shape = shape;
    this.list.replaceChildren(
      ...found.bad.map((bad) => {
        const go = h("button", {
          class: "kit-button",
          type: "button",
          "data-bad": bad.name,
          title: `${bad.words}\n${bad.sentence}`,
          text: `run to it (${bad.steps} steps)`,
          "aria-label": `run to ${bad.name}, ${bad.steps} steps`,
          on: { click: () => this.act({ type: "run-to", bad: bad.name }) },
        });
        const words = h("span", {}, h("strong", { text: `✗ ${bad.name}` }), ` ${bad.sentence}`);
        const share = h("span", { class: "kit-step-quiet", text: bad.share, title: `in ${bad.count} interleavings` });
        return h("li", {}, words, share, go);
      }),
    );
  }
}

function legend(items) {
  const shapes = { private: "▢", published: "●", retired: "◐", freed: "✕" };
  return items.map(({ status, words }) =>
    h("span", { "data-status": status, title: words }, h("b", { "aria-hidden": "true", text: shapes[status] }), status),
  );
}

function render({ model, el }) {
  const root = h("div", { class: "kit-widget kit-step", role: "region", "aria-label": "stepper" });
  const message = h("p", { class: "kit-message", role: "status", "aria-live": "polite" });
  const act = (content) => model.send(content);
  const title = h("h3", { class: "kit-step-title" });
  const count = h("span", { class: "kit-step-quiet" });
  let shown = {};
  const actions = {
    reset: ["start", "to the start (Home)", () => act({ type: "goto", step: 0 })],
    // From where Python is then: what is shown may be older than the last click.
    back: ["◀", "one step back (←)", () => act({ type: "back" })],
    forward: ["▶", "one step forward again (→)", () => act({ type: "forward" })],
    nearest: ["run to a bad state", "the shortest way from here to anything bad", () => act({ type: "nearest" })],
  };
  const buttons = {};
  for (const [name, [text, words, does]] of Object.entries(actions)) {
    const click = () => buttons[name].getAttribute("aria-disabled") === "true" || does();
    buttons[name] = h("button", {
      class: "kit-button",
      type: "button",
      "data-action": name,
      title: words,
      "aria-label": name === "nearest" ? text : words,
      text,
      on: { click },
    });
  }
  const tools = h("span", { class: "kit-step-tools", role: "toolbar", "aria-label": "moving" }, ...Object.values(buttons));
  const threads = [];
  const columns = h("div", { class: "kit-step-threads" });
  const memory = h("div", { class: "kit-step-memory" });
  const facts = h("p", { class: "kit-step-facts" });
  const key = h("p", { class: "kit-step-legend" });
  const trace = new Trace(act);
  const found = new Found(act);
  const state = h("div", { class: "kit-step-state" }, h("h4", { text: "memory" }), memory, key, facts);
  root.append(
    h("div", { class: "kit-step-top" }, title, count, tools),
    columns,
    h("div", { class: "kit-step-below" }, state, trace.element),
    found.element,
    message,
  );
  el.append(root);
  let drawn = "";

  const update = () => {
    shown = JSON.parse(model.get("shown"));
    if (!shown.threads) return;
    put(title, shown.title);
    put(count, `step ${shown.taken}${shown.ahead ? ` of ${shown.taken + shown.ahead}` : ""}`);
    for (const name of ["reset", "back"]) set(buttons[name], "aria-disabled", shown.taken ? null : "true");
    set(buttons.forward, "aria-disabled", shown.ahead ? null : "true");
    while (threads.length > shown.threads.length) threads.pop().element.remove();
    shown.threads.forEach((thread, index) => {
      if (!threads[index]) {
        threads.push(new Thread(act));
        columns.append(threads[index].element);
      }
      threads[index].update(thread, index + 1);
    });
    if (shown.memory !== drawn) {
      drawn = shown.memory;
      // The kit's own drawing, parsed as an image and not as a page.
      const parsed = new DOMParser().parseFromString(drawn, "image/svg+xml");
      memory.replaceChildren(document.importNode(parsed.documentElement, true));
    }
    if (!key.children.length) key.append(...legend(shown.legend));
    const must = shown.connected.length ? `a dispatch that begins now must call ${shown.connected.join(", ")}` : "";
    put(facts, [...shown.locks, must].filter(Boolean).join(" · "));
    trace.update(shown);
    found.update(shown);
    put(message, shown.message);
    message.classList.toggle("kit-bad", shown.wrong);
  };
  model.on("change:shown", update);
  update();

  // JupyterLab takes keys before any element hears of them; inside the stepper plain ones are ours.
  const keys = (event) => {
    const inside = event.composedPath().includes(root);
    if (!inside || event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopImmediatePropagation();
    const named = { ArrowLeft: "back", ArrowRight: "forward", Home: "reset" }[event.key];
    if (named) buttons[named].click();
    else if (/^[1-9]$/.test(event.key)) threads[Number(event.key) - 1]?.move();
    else return;
    event.preventDefault();
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
