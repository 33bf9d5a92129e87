// The static picture of a view (_still.py) is an output of its own.  It hides while the view lives,
// wherever in the page it is: beside the view, or in front ends that nest outputs differently.

function hideStill(model) {
  const still = `[data-kit-still="${model.get("still")}"]`;
  const style = document.createElement("style");
  // Two rules: a browser that does not know :has() keeps the first.
  style.textContent =
    `${still} { display: none !important; }\n` +
    `.jp-OutputArea-child:has(${still}) { display: none !important; }`;
  document.head.append(style);
  return () => style.remove();
}
