// The tab in which a session is begun, stopped and opened again.

class SessionTab {
  constructor(act) {
    this.folder = h("input", {
      class: "kit-filter kit-folder",
      type: "text",
      placeholder: "folder, such as runs/monday",
      title: "where a session is saved, or was; a file that was saved can be opened too",
      "aria-label": "folder of a session",
      spellcheck: "false",
      autocomplete: "off",
    });
    const send = (action) => act({ action, folder: this.folder.value });
    const button = (action, text, title) =>
      h("button", {
        class: "kit-button",
        type: "button",
        "data-action": action,
        "aria-label": text,
        title,
        text,
        on: { click: () => send(action) },
      });
    this.begin = button("begin-session", "Save session", "save what is connected, as it comes, until it is stopped");
    this.end = button("end-session", "Stop session", "stop the session; all of it is written then");
    this.open = button("open", "Open", "show in the tabs what was saved there");
    this.leave = button("leave", "Back to live", "show what is recorded again");
    this.wrong = h("p", { class: "kit-wrong kit-bad", role: "alert", hidden: true });
    this.facts = h("tbody");
    const heads = ["name", "holds", "what it is"].map((text) => h("th", { text, scope: "col" }));
    this.table = h(
      "table",
      { class: "kit-table kit-facts", "aria-label": "what is in the session", hidden: true },
      h("thead", {}, h("tr", {}, ...heads)),
      this.facts,
    );
    const line = h("div", { class: "kit-session-line" }, this.folder, this.begin, this.end, this.open);
    this.element = h("div", { class: "kit-session" }, line, this.wrong, this.table);
  }

  update({ folder, wrong, running, opened, facts }) {
    const typing = this.folder.getRootNode().activeElement === this.folder;
    if (!typing && folder !== this.known) this.folder.value = folder;
    this.known = folder;
    set(this.folder, "aria-invalid", wrong ? "true" : null);
    put(this.wrong, wrong);
    this.wrong.hidden = !wrong;
    // What had the focus is not taken away under the reader's hands.
    const had = this.begin.getRootNode().activeElement;
    this.begin.hidden = running;
    this.end.hidden = !running;
    if (had === this.begin && running) this.end.focus();
    if (had === this.end && !running) this.begin.focus();
    this.leave.hidden = !opened;
    this.table.hidden = !facts.length;
    rows(this.facts, facts);
  }
}

// Texts into the rows of a table; rows and cells that are there already are kept.
function rows(body, texts, titled = []) {
  while (body.rows.length > texts.length) body.deleteRow(-1);
  texts.forEach((cells, index) => {
    const row = body.rows[index] ?? body.insertRow();
    cells.forEach((text, column) => {
      const cell = row.cells[column] ?? row.insertCell();
      put(cell, text);
      if (titled.includes(column)) set(cell, "title", text);
    });
  });
}
