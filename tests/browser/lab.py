"""A real JupyterLab in a real Chromium, for the tests in this folder and for the README's pictures.

`serve` runs a Jupyter server on this machine, `browse` opens pages that may not leave it, and the
functions below drive an open notebook.  They wait for what happened, never for time to pass.
"""

import ast
import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from playwright.sync_api import BrowserContext, Locator, Page, expect, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
SCREENSHOTS = Path(__file__).with_name("screenshots")
PATIENCE = 240
"""Seconds after which something hangs: no test is decided by a machine that is merely slow."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
    # A page that asks for a CDN gets no answer here, as it would behind a firewall.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def find_chromium() -> str | None:
    """Path of the browser: $CHROMIUM, or the first known name on PATH."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass(frozen=True)
class Lab:
    """A running server: where it listens, what it serves, what it wrote."""

    url: str
    token: str
    root: Path
    log: Path

    def address(self, notebook: str) -> str:
        query = f"?token={self.token}&reset" if self.token else "?reset"
        return f"{self.url}lab/tree/{notebook}{query}"

    def write(self, name: str, *cells: str) -> str:
        """Put a notebook of code cells where the server finds it; return its name."""
        notebook = nbformat.v4.new_notebook()
        notebook.metadata.kernelspec = {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
        notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
        nbformat.write(notebook, self.root / name)
        return name


SETTINGS = {
    # No news box over the page.
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
    # Every cell is in the page, in view or not.
    "notebook-extension/tracker": '{"windowingMode": "none"}',
    # A notebook is saved when the test saves it.
    "docmanager-extension/plugin": '{"autosave": false}',
}


@contextlib.contextmanager
def serve(folder: Path, *, base_url: str = "/", token: bool = False) -> Iterator[Lab]:
    """Run JupyterLab below `folder`, on the notebooks of this repository, until the block ends.

    `base_url` and `token` are what a JupyterHub or Binder puts around it.
    """
    root, home = folder / "root", folder / "home"
    shutil.copytree(REPOSITORY / "notebooks", root)
    for name, text in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    secret = secrets.token_hex(16) if token else ""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "PYTEST", "COVERAGE"))
    } | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
    }
    if python := os.environ.get("KIT_LAB_PYTHON"):  # an environment with the kit installed
        environment.pop("PYTHONPATH", None)
    else:
        python = sys.executable
        environment["PYTHONPATH"] = str(REPOSITORY)
    command = [
        python,
        *("-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--port={port}", "--ServerApp.port_retries=0", f"--ServerApp.base_url={base_url}"),
        *(f"--IdentityProvider.token={secret}", f"--ServerApp.root_dir={root}"),
        *("--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"),
    ]
    log = home / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=root, stdout=output, stderr=subprocess.STDOUT
        )
    lab = Lab(f"http://127.0.0.1:{port}{base_url}", secret, root, log)
    try:
        _wait_until_up(lab, process)
        yield lab
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(lab: Lab, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{lab.url}api", timeout=5):
                return
        except OSError:
            assert process.poll() is None, f"the server ended:\n{lab.log.read_text()}"
            assert time.monotonic() < deadline, f"no answer:\n{lab.log.read_text()}"
            time.sleep(0.05)


@contextlib.contextmanager
def browse(scale: float = 1) -> Iterator[BrowserContext]:
    """One browser, with one profile and so one cache, for many pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), headless=True, args=FLAGS, timeout=1000 * PATIENCE
        )
        context = browser.new_context(
            viewport={"width": 1400, "height": 1000}, device_scale_factor=scale
        )
        context.set_default_timeout(1000 * PATIENCE)
        expect.set_options(timeout=1000 * PATIENCE)
        context.add_init_script(
            "window.kernel = () => jupyterapp.shell.currentWidget.sessionContext.session.kernel"
        )
        yield context
        browser.close()


@dataclass
class Problems:
    """What went wrong in a page: errors on its console, and requests that left this machine."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda line: line.type == "error" and self.found.append(line.text))
        page.on("pageerror", lambda error: self.found.append(f"{error}\n{error.stack}"))
        page.on("request", lambda request: self._check(request.url))
        page.on("websocket", lambda socket: self._check(socket.url))

    def _check(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.found.append(f"request to {url}")


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook and wait for its kernel."""
    page.goto(lab.address(name))
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext")
    page.evaluate(
        "() => jupyterapp.restored.then(() => jupyterapp.shell.currentWidget.context.ready)"
        ".then(() => jupyterapp.shell.currentWidget.sessionContext.ready)"
    )


def run_all(page: Page, lab: Lab, name: str) -> None:
    """Open a notebook, run it from top to bottom, and fail on any error or warning in it."""
    open_notebook(page, lab, name)
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    trouble = page.evaluate(
        """() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells
        .flatMap(cell => cell.outputs ?? [])
        .filter(output => output.output_type === 'error' || output.name === 'stderr')
        .map(output => output.traceback?.join('\\n') ?? [output.text].flat().join(''))"""
    )
    assert not trouble, _plain("\n".join(trouble))


def python(page: Page, expression: str) -> object:
    """Value of an expression in the kernel of the open notebook; plain literals only."""
    answer = page.evaluate(_EVALUATE, expression)
    assert answer["status"] == "ok", _plain("\n".join(answer["traceback"]))
    return ast.literal_eval(answer["data"]["text/plain"])


def _plain(text: str) -> str:
    """A traceback without its colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


_TRACEBACK = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)+.*$", re.MULTILINE)
_FAREWELLS = (
    # Tornado's, when a page goes away while it is written to,
    "tornado.iostream.StreamClosedError",
    "tornado.websocket.WebSocketClosedError",
    # and a kernel's that is shut down when it has hardly begun.
    "KeyboardInterrupt",
    "RuntimeError: Event loop is closed",
    # or while a cell runs.
    "zmq.error.ZMQError: Socket operation on non-socket",
)


def tracebacks(log: str) -> list[str]:
    """Those in a server's log, without what it and its kernels say when they are left."""
    found = _TRACEBACK.findall(log)
    return [
        each
        for each in found
        if f"{REPOSITORY}/kit/" in each or not each.splitlines()[-1].startswith(_FAREWELLS)
    ]


def wait_for_python(page: Page, expression: str, *, seconds: float = PATIENCE) -> None:
    """Wait until an expression is true in the kernel of the open notebook.

    One that raises is not true yet: what it names may still have to come.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = page.evaluate(_EVALUATE, f"bool({expression})")
        if answer["status"] == "ok" and answer["data"]["text/plain"] == "True":
            return
        raised = _plain("\n".join(answer.get("traceback", ())))
        assert time.monotonic() < deadline, f"still not true: {expression}\n{raised}"
        page.wait_for_timeout(50)


_EVALUATE = """async expression => {
  const future = kernel().requestExecute({
    code: '', silent: true, store_history: false, user_expressions: { answer: expression } });
  return (await future.done).content.user_expressions.answer;
}"""


@contextlib.contextmanager
def busy_kernel(page: Page, lab: Lab) -> Iterator[None]:
    """A cell that runs until the block ends; afterwards it has ended."""
    gate = lab.root / f"gate-{secrets.token_hex(4)}"
    cell = (
        "import pathlib, time\n"
        f"while not pathlib.Path({str(gate)!r}).exists():\n"
        "    time.sleep(0.01)"
    )
    page.evaluate("code => { window.held = kernel().requestExecute({ code }) }", cell)
    page.wait_for_function("() => kernel().status === 'busy'")
    try:
        yield
    finally:
        gate.touch()
    page.evaluate("() => window.held.done")


def take_time(page: Page) -> None:
    """Let BokehJS see a double click or a drag in clicks and moves, however late they come."""
    page.evaluate(
        """() => {
          const { UIGestures } = Bokeh.require("core/ui_gestures");
          UIGestures.doubletap_threshold = UIGestures.press_threshold = 1e9;
        }"""
    )


def turn_wheel(figure: Locator, notches: int, *, control: bool = False) -> None:
    """Turn the wheel over the middle of a figure, one notch right after the other.

    Within one task of the page: a loaded machine cannot make several gestures of it.
    """
    figure.evaluate(
        """(figure, [notches, ctrlKey]) => {
          const box = figure.getBoundingClientRect();
          const clientX = box.x + box.width / 2, clientY = box.y + box.height / 2;
          const open = (node) => node.shadowRoot?.elementFromPoint(clientX, clientY);
          let target = document.elementFromPoint(clientX, clientY);
          for (let inner; (inner = open(target)) && inner !== target; ) target = inner;
          for (let n = 0; n < notches; n++)
            target.dispatchEvent(new WheelEvent("wheel", { clientX, clientY, ctrlKey,
              deltaY: -100, bubbles: true, cancelable: true, composed: true }));
        }""",
        [notches, control],
    )


def quiet(page: Page) -> None:
    """Wait longer than any sender in a page or in the kernel waits before it sends.

    Only for "and nothing more happened"; what is to happen is waited for by name.
    """
    page.wait_for_timeout(400)


def change_theme(page: Page, theme: str) -> None:
    """Switch JupyterLab to its 'light' or 'dark' theme, as the Settings menu does."""
    page.evaluate(
        "theme => jupyterapp.commands.execute('apputils:change-theme', { theme })",
        f"JupyterLab {theme.capitalize()}",
    )
    light = "true" if theme == "light" else "false"
    page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
    # JupyterLab takes its splash away a moment later, and fails when the next change has done so.
    page.wait_for_selector("#jupyterlab-splash", state="detached")


def end_kernels(page: Page) -> None:
    """End what the notebooks of this page still run; the next test wants the processor."""
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")


def settle(page: Page) -> None:
    """Let the page paint what it has been given: two frames, as browsers promise."""
    page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
