// The browser's side of a pane (pane.py): draws a Bokeh document, applies the numbered patches that
// Python sends, and sends back what the reader does.  One module with still.js, bokehjs.js and outbox.js.
//
// anywidget calls the exported function once for each widget in each page; its views share `shared`.

const LOG_LIMIT = 8 << 20; // bytes of patches kept for views that are still to come

// --- One view -------------------------------------------------------------------------------

class View {
  constructor(shared, model, { Bokeh, twins }, box) {
    this.shared = shared;
    this.model = model;
    this.Bokeh = Bokeh;
    this.twins = twins;
    this.reversed = Object.fromEntries(Object.entries(twins).map(([light, dark]) => [dark, light]));
    this.theme = "light"; // of the page, see follow
    this.box = box;
    this.id = crypto.randomUUID?.() ?? Math.random().toString(36).slice(2);
    this.sent = 0;
    this.number = -1;
    this.ready = false;
    this.closed = false;
    this.visible = true;
    this.stale = false; // drawn from an old document, for want of a newer one
    this.outbox = new Outbox((events) => this.sendEvents(events), box);
  }

  // The page has another theme: what is drawn is drawn in that one, whoever else sees it.
  async follow(dark) {
    const before = this.theme;
    this.theme = dark ? "dark" : "light";
    if (!this.ready || !this.model.get("_theme")) return;
    const content = JSON.stringify(this.doc.to_json(), (_, value) => value?.to_base64?.() ?? value);
    this.ready = false;
    try {
      await this.draw({ number: this.number, content, theme: before });
      if (this.ready) this.shared.bring(this);
    } catch (error) {
      console.error(error);
      this.shared.redraw(this);
    }
  }

  // Text that holds colours of one theme, with those of this page's theme.
  translated(text, theme) {
    const twins = this.theme === "dark" ? this.twins : this.reversed;
    if (!theme || theme === this.theme) return text;
    const colors = /(["':])(#[0-9A-F]{6})(?=["';\\])/g;
    return text.replace(colors, (_, before, color) => before + (twins[color] ?? color));
  }

  async draw({ number, content, theme }) {
    this.erase();
    if (theme) this.box.style.background = ground(this.theme === "dark" ? this.twins["#FFFFFF"] : "#FFFFFF");
    const { Document } = this.Bokeh.require("document");
    const { add_document_standalone } = this.Bokeh.require("embed/standalone");
    const doc = Document.from_json(JSON.parse(this.translated(content, theme)));
    this.doc = doc;
    this.number = number;
    doc.on_change((change) => {
      for (const event of change.events ?? [change])
        if (!this.closed && doc === this.doc && (change.sync ?? true) && (event.sync ?? true))
          this.outbox.add(event);
    });
    this.views = await add_document_standalone(doc, this.box);
    if (this.closed || doc !== this.doc) return erase(this.Bokeh, doc, this.views);
    for (const root of this.views) letHesitate(root);
    this.ready = true;
    this.box.dataset.ready = "true";
  }

  // Apply what has arrived since; false if something is missing in between.
  catchUp(log) {
    for (const { message, buffers } of log) {
      if (message.number <= this.number) continue;
      if (message.number !== this.number + 1) return false;
      this.number = message.number;
      if (message.origin === this.id) continue;
      const map = new Map();
      message.ids.forEach((id, i) => map.set(id, bytes(buffers[i])));
      this.doc.apply_json_patch(JSON.parse(this.translated(message.content, message.theme)), map);
    }
    return true;
  }

  sendEvents(events) {
    const mine = events.filter((event) => event.document === this.doc);
    if (!mine.length) return;
    this.shared.edited();
    const { events: patch } = plain(this.doc.create_json_patch(mine));
    this.tell("patch", { number: ++this.sent, events: patch });
  }

  tell(type, content = {}) {
    if (this.shared.closed) return;
    try {
      this.model.send({ type, view: this.id, ...content });
    } catch {
      // Sending throws once the kernel is gone: nobody is there to be told, the picture stays.
    }
  }

  erase() {
    if (this.doc) erase(this.Bokeh, this.doc, this.views);
    this.doc = this.views = null;
    this.ready = false;
    delete this.box.dataset.ready;
    this.box.replaceChildren();
  }

  close() {
    if (this.closed) return;
    this.outbox.close();
    this.closed = true;
    this.erase();
    this.tell("left");
  }
}

function erase(Bokeh, doc, views) {
  for (const root of [...(views?.roots ?? [])]) root.remove();
  doc.clear({ sync: false });
  const at = Bokeh.documents.indexOf(doc);
  if (at >= 0) Bokeh.documents.splice(at, 1);
}

// BokehJS takes a button that is held still for 300 ms for a "press", which no plot of ours asks
// for, and ignores the drag that follows.  Who hesitates, or has a slow machine, may drag too.
function letHesitate(view) {
  const gestures = view.canvas_view?.ui_event_bus?.ui_gestures;
  if (gestures) gestures._start_timeout = () => {};
  for (const child of view.child_views ?? []) letHesitate(child);
}

// Opaque, so that what is drawn can be read wherever it lies; JupyterLab's themes have their own.
function ground(color) {
  return document.body.dataset.jpThemeLight === undefined ? color : `var(--jp-layout-color0, ${color})`;
}

function bytes(view) {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
}

// --- All views of one widget in one page ----------------------------------------------------

class Shared {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.log = [];
    this.size = 0;
    this.asked = null;
    this.setBase(this.asArrived());
    model.on("msg:custom", (message, buffers) => this.receive(message, buffers));
    // After a lost connection the whole state may be sent again.
    model.on("change:_document", () => {
      this.setBase(this.asArrived());
      for (const view of this.views) if (view.ready) this.redraw(view);
    });
  }

  setBase({ number, content, theme }) {
    this.base = content ? { number, content, theme } : null;
    this.log = this.log.filter(({ message }) => message.number > number);
    this.size = this.log.reduce((sum, item) => sum + item.size, 0);
  }

  // A view was changed by the reader: the base does not have it, and only Python knows it all.
  edited() {
    this.base = null;
  }

  receive(message, buffers) {
    if (message.type === "closed") {
      this.closed = true; // nobody listens any more; the picture stays
    } else if (message.type === "document") {
      this.setBase(message);
      this.asked?.resolve();
      this.asked = null;
      for (const view of this.views) if (view.ready && view.stale) this.redraw(view);
    } else if (message.type === "patch") {
      const size = message.content.length + buffers.reduce((sum, b) => sum + b.byteLength, 0);
      this.log.push({ message, buffers, size });
      this.size += size;
      for (const view of this.views) if (view.ready) this.bring(view);
      if (this.size > LOG_LIMIT) this.base = null;
      if (!this.base && [...this.views].every((view) => view.ready)) this.forget();
      this.answer();
    }
  }

  forget() {
    this.log = [];
    this.size = 0;
  }

  // Bring a view up to date, from the beginning if need be.
  bring(view) {
    try {
      if (view.catchUp(this.log)) return;
      console.warn("Updates of a plot were lost on the way; drawing it anew");
    } catch (error) {
      console.error("A change of a plot could not be applied; drawing it anew", error);
    }
    this.base = null;
    this.redraw(view);
  }

  async redraw(view) {
    try {
      view.ready = false;
      if (!this.base) await this.ask(view);
      if (view.closed) return;
      // Without an answer the document is drawn as it came with the page, and again when it comes.
      view.stale = !this.base;
      await view.draw(this.base ?? this.asArrived());
      if (!view.ready) return;
      if (view.stale) view.number = this.log.at(-1)?.message.number ?? view.number;
      view.tell("joined", { number: view.number, visible: view.visible });
      this.bring(view);
    } catch (error) {
      explain(view.box, "This plot could not be drawn", error);
      view.tell("problem", { text: String(error?.message ?? error) });
      console.error(error);
    }
  }

  asArrived() {
    const [number, content, theme] = ["_sequence", "_document", "_theme"].map((name) => this.model.get(name));
    return { number, content, theme };
  }

  // Ask Python for the document.  Its answer may have to wait for a running cell.
  ask(view) {
    if (!this.asked) {
      let resolve;
      const answered = new Promise((r) => (resolve = r));
      this.asked = { answered, resolve };
    }
    view.tell("document");
    const patience = new Promise((resolve) => setTimeout(resolve, 3000));
    return Promise.race([this.asked.answered, patience]);
  }

  // Answer once a frame, after painting.  A hidden page paints nothing, and says so otherwise.
  answer() {
    if (this.answering) return;
    this.answering = true;
    requestAnimationFrame(() =>
      setTimeout(() => {
        this.answering = false;
        for (const view of this.views)
          if (view.ready && view.visible) view.tell("painted", { number: view.number });
      }),
    );
  }
}

// --- The page -------------------------------------------------------------------------------

function explain(box, title, error) {
  const note = document.createElement("div");
  note.setAttribute("role", "alert");
  note.className = "kit-pane-problem";
  note.style.cssText =
    "padding: 8px 12px; border-left: 3px solid var(--jp-error-color1, #d32f2f);" +
    "color: var(--jp-ui-font-color1, inherit); font: 13px var(--jp-ui-font-family, sans-serif)";
  note.textContent = `${title}: ${error?.message ?? error}. Load the page again, or run the cell again.`;
  box.replaceChildren(note);
}

function watchVisibility(view) {
  let inSight = true;
  const tell = () => {
    const visible = inSight && document.visibilityState !== "hidden";
    if (visible === view.visible) return;
    view.visible = visible;
    if (view.ready) view.tell("shown", { visible });
  };
  const observer = new IntersectionObserver((entries) => {
    inSight = entries[entries.length - 1].isIntersecting;
    tell();
  });
  observer.observe(view.box);
  document.addEventListener("visibilitychange", tell);
  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", tell);
  };
}

export default () => {
  let shared;
  return {
    initialize({ model }) {
      shared = new Shared(model);
    },
    async render({ model, el }) {
      const box = document.createElement("div");
      box.className = "kit-pane";
      box.style.width = "100%";
      el.append(box);
      let loaded;
      try {
        loaded = await loadBokeh(model);
      } catch (error) {
        explain(box, "BokehJS could not be loaded", error);
        return undefined;
      }
      const view = new View(shared, model, loaded, box);
      shared.views.add(view);
      const undo = [followTheme(box, (dark) => view.follow(dark)), watchVisibility(view)];
      await shared.redraw(view);
      if (view.ready) undo.push(hideStill(model));
      return () => {
        for (const action of undo) action();
        shared.views.delete(view);
        view.close();
      };
    },
  };
};
