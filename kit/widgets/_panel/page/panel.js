// The panel: header, list, tabs.  Draws what Python describes (shown.py) and sends back actions.

function render({ model, el }) {
  const root = h("div", {
    class: "kit-widget kit-panel",
    role: "region",
    "aria-label": "markers and probes",
  });
  const answers = new Answers(model, root);
  const pulse = new Pulse(root, answers, (sentence) => show(sentence));
  const act = (content) => pulse.ask(content);
  const header = new Header(act);
  const legend = new Legend(act);
  const choosing = new Choosing(act);
  const list = new MarkerList(act, choosing);
  const tabs = new Tabs(model, act, choosing);
  const message = h("p", { class: "kit-message", role: "status", "aria-live": "polite" });
  const left = h("div", { class: "kit-left" }, legend.element, list.element);
  const body = h("div", { class: "kit-main" }, left, tabs.element);
  root.append(header.element, body, message);
  el.append(root);
  const say = ({ text, bad }) => {
    put(message, text);
    set(message, "title", text);
    message.classList.toggle("kit-bad", bad);
  };

  // What can be told apart is said in the header; what to know about it, in the message.
  let shown = {};
  const show = (sentence) => {
    const { state } = pulse;
    root.dataset.live = state;
    const still = shown.closed || state === "gone";
    for (const part of [header.buttons, body]) set(part, "inert", still ? "" : null);
    if (shown.tabs) header.say(shown, state, pulse.lastly(shown.at));
    if (sentence ?? shown.message) say(sentence ?? shown.message);
  };
  const update = () => {
    shown = JSON.parse(model.get("shown"));
    if (!shown.tabs) return;
    root.dataset.state = shown.closed ? "closed" : shown.state;
    if (shown.closed) {
      answers.closed = true;
      pulse.close();
    }
    choosing.update(shown.chosen);
    header.update(shown);
    legend.update(shown);
    list.update(shown);
    tabs.update(shown);
    show(pulse.sentence);
    answers.painted(shown.number);
  };
  model.on("change:shown", () => {
    pulse.beat();
    update();
  });
  model.on("msg:custom", ({ type, done }) => type === "beat" && pulse.beat(done));
  model.on("change:panes", () => tabs.showPanes(tabs.current));
  update();
  if (shown.id) pulse.follow(model.widget_manager, shown.id).catch(() => {}); // its beats tell it too
  answers.join(JSON.parse(model.get("shown")).number ?? 0);

  // JupyterLab takes keys before any element hears of them: here plain ones are ours, or "d d" in
  // the list would delete the cell.  Keys with a modifier, such as the one that saves, are its own.
  const keys = (event) => {
    const inside = event.composedPath().includes(root);
    if (!inside || event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
    event.stopImmediatePropagation();
    if (legend.key(event) || list.key(event) || tabs.key(event)) event.preventDefault();
  };
  window.addEventListener("keydown", keys, true);

  const undo = [hideStill(model), followTheme(root, (dark) => (root.dataset.theme = dark ? "dark" : "light"))];

  return () => {
    for (const action of undo) action();
    window.removeEventListener("keydown", keys, true);
    tabs.close();
    pulse.close();
    answers.close();
  };
}

export default { render };
