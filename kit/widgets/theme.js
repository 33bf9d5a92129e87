// Whether a view lies on a dark ground, as its page says it, or else as it looks.

function isDark(element) {
  const { body, documentElement: html } = document;
  const said = body.dataset.jpThemeLight; // JupyterLab and Notebook 7
  if (said !== undefined) return said === "false";
  const { classList } = body;
  if (classList.contains("vscode-light") || classList.contains("vscode-high-contrast-light")) return false;
  if (classList.contains("vscode-dark") || classList.contains("vscode-high-contrast")) return true;
  for (const each of [html, body]) {
    const named = each.getAttribute("theme") ?? each.dataset.theme; // Colab and others
    if (named === "dark" || named === "light") return named === "dark";
  }
  return groundIsDark(element) ?? matchMedia("(prefers-color-scheme: dark)").matches;
}

// Of what lies around the widget; nothing if no element there has a ground of its own.
function groundIsDark(element) {
  const outermost = element.closest(".kit-widget") ?? element;
  for (let node = outermost.parentNode; node; node = node.parentNode ?? node.host) {
    if (!(node instanceof Element)) continue;
    const [r, g, b, alpha = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (r !== undefined && alpha > 0.5) return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
  }
  return undefined;
}

// Call a function with whether it is dark, now and whenever that has changed.
function followTheme(element, tell) {
  let known;
  const look = () => {
    const dark = isDark(element);
    if (dark !== known) tell((known = dark));
  };
  look();
  const observer = new MutationObserver(look);
  const names = ["class", "style", "theme", "data-theme", "data-jp-theme-light"];
  for (const node of [document.documentElement, document.body])
    observer.observe(node, { attributes: true, attributeFilter: names });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", look);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", look);
  };
}
