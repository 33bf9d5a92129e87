// The panel: header, list, tabs.  Draws what Python describes (shown.py) and sends back actions.

function render({ model, el }) {
  const root = h("div", {
    class: "kit-widget kit-panel",
    role: "region",
    "aria-label": "markers and probes",
  });
  const answers = new Answers(model, root);
  const act = (content) =>
    answers.send({ type: "do", ...content }) ||
    say({ text: "The kernel has gone. Run the notebook again.", bad: true });
  const header = new Header(act);
  const legend = new Legend(act);
  const list = new MarkerList(act);
  const tabs = new Tabs(model, act);
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

  const update = () => {
    const shown = JSON.parse(model.get("shown"));
    if (!shown.tabs) return;
    root.dataset.state = shown.closed ? "closed" : shown.state;
    set(root, "inert", shown.closed ? "" : null);
    header.update(shown);
    legend.update(shown);
    list.update(shown);
    tabs.update(shown);
    say(shown.message);
    answers.painted(shown.number);
  };
  model.on("change:shown", update);
  model.on("change:panes", () => tabs.showPanes(tabs.current));
  update();
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

  const showStill = hideStill(model);
  return () => {
    showStill();
    window.removeEventListener("keydown", keys, true);
    tabs.close();
    answers.close();
  };
}

export default { render };
