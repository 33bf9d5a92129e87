"""``python -m kit``, as a shell would run it."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kit
from kit import __main__ as command
from kit.cli import demo as cli_demo
from kit.cli import page as cli_page
from kit.plots import _theme as theme

ROOT = Path(kit.__file__).resolve().parents[1]


def shell(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-m", "kit", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        **options,
    )


@pytest.fixture
def without(monkeypatch):
    """Make modules look as if they were not installed."""

    def hide(*names: str) -> None:
        monkeypatch.setattr(command, "find_spec", lambda name: None if name in names else object())

    return hide


@pytest.fixture
def calls(monkeypatch):
    """What would have taken the process over, and where."""
    seen = []
    monkeypatch.setattr(command.os, "chdir", seen.append)
    monkeypatch.setattr(command.os, "execv", lambda path, arguments: seen.append(arguments))
    return seen


def test_version():
    done = shell("--version")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"markers-kit {kit.__version__}\n",
        "",
    )


def test_help_names_the_commands():
    done = shell("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("demo", "lab", "markers"))


def test_no_command_is_answered_with_help(capsys):
    assert command.main([]) == 0
    assert "run the order book" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dance"], "dance"),
        (["demo", "--seconds", "soon"], "'soon' is not a number"),
        (["demo", "--seconds", "0"], "0 is not above 0"),
        (["demo", "--seconds", "nan"], "nan is not above 0"),
        (["lab", "--port", "70000"], "70000 is not above 0 and at most 65535"),
        (["lab", "--port", "x"], "'x' is not a number"),
    ],
)
def test_a_wrong_command_line_is_2(arguments, said, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_markers_lists_what_a_module_declares(tmp_path):
    (tmp_path / "shop.py").write_text(
        "import kit\nsale = kit.marker('shop.sale', qty=int)\n", encoding="utf-8"
    )
    done = shell("markers", "shop", cwd=tmp_path)
    assert done.returncode == 0
    assert "shop.sale" in done.stdout
    assert "shop:2" in done.stdout
    assert "orders.fill" in shell("markers").stdout


def test_markers_of_a_module_that_fails(tmp_path, monkeypatch, capsys):
    (tmp_path / "fails_on_import.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    assert command.main(["markers", "fails_on_import"]) == 1
    assert "cannot import fails_on_import: ZeroDivisionError" in capsys.readouterr().err
    assert command.main(["markers", "no.such"]) == 1


def test_markers_into_a_closed_pipe():
    done = subprocess.run(
        f'"{sys.executable}" -m kit markers | true; exit ${{PIPESTATUS[0]}}',
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.stderr == ""


def test_markers_needs_no_extras():
    script = (
        "import sys\n"
        "for name in ('pandas', 'bokeh', 'numpy', 'IPython', 'tqdm'): sys.modules[name] = None\n"
        "from kit.__main__ import main\n"
        "sys.exit(main(['markers']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["pandas", "pyarrow", "bokeh"])
def test_demo_without_an_extra_names_the_remedy(name, without, capsys):
    without(name)
    assert command.main(["demo"]) == 1
    assert capsys.readouterr().err == (
        f"python -m kit: {name} is not installed: pip install 'markers-kit[lab]'\n"
    )


@pytest.mark.parametrize("name", ["jupyterlab", "ipywidgets", "anywidget", "bokeh"])
def test_lab_without_an_extra_names_the_remedy(name, without, calls, capsys):
    without(name)
    assert command.main(["lab"]) == 1
    assert f"{name} is not installed: pip install 'markers-kit[lab]'" in capsys.readouterr().err
    assert calls == []


def test_lab_opens_the_tour(calls):
    command._lab(command._parser().parse_args(["lab", "--no-browser", "--port=9000"]))
    folder, arguments = calls
    assert arguments[:4] == [sys.executable, "-m", "jupyter", "lab"]
    assert arguments[4] == str(ROOT / "notebooks" / "01-tour.ipynb")
    assert arguments[5] == "--LabApp.default_url=/lab/tree/01-tour.ipynb"
    assert {"--no-browser", "--port=9000"} <= set(arguments)
    assert ("--allow-root" in arguments) == (os.geteuid() == 0)
    assert folder == ROOT


def test_lab_leaves_the_rest_to_jupyter(calls):
    command._lab(command._parser().parse_args(["lab"]))
    _, arguments = calls
    assert "--no-browser" not in arguments
    assert not any(argument.startswith("--port") for argument in arguments)


def test_lab_without_a_checkout_says_where_the_tour_is(tmp_path, monkeypatch, calls, capsys):
    monkeypatch.setattr(kit, "__file__", str(tmp_path / "kit" / "__init__.py"))
    assert command.main(["lab"]) == 1
    assert "clone the repository of markers-kit" in capsys.readouterr().err
    assert calls == []


def test_interrupted_is_130(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_markers", interrupted)
    assert command.main(["markers"]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "new" / "folder"
    done = shell("demo", "--seconds", "1.2", "--seed", "3", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return done, out


def test_demo_prints_a_table_and_where_its_files_are(demo):
    done, out = demo
    assert done.stderr == ""  # no bar: nobody is watching
    assert "Order book stopped, 3 writers, 2 readers" in done.stdout
    assert re.search(r"^span +count +p50 +p90 +p99 +p99\.9 +max$", done.stdout, re.MULTILINE)
    assert re.search(r"^db\.commit +[\d,]+ +[\d.]+ (µs|ms)", done.stdout, re.MULTILINE)
    assert f"capture  {out / 'kit-demo.parquet'}\n" in done.stdout
    assert f"page     {out / 'kit-demo.html'}\n" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["kit-demo.html", "kit-demo.parquet"]


def test_demo_leaves_a_capture_with_everything_in_it(demo):
    _, out = demo
    recording = kit.open(out / "kit-demo.parquet")
    assert len(recording.events("db.commit")) > 0
    assert len(recording.dispatches()) >= len(recording.events())
    assert len(recording.probe_calls()) > 0


def test_the_page_needs_nothing_else(demo):
    _, out = demo
    page = (out / "kit-demo.html").read_text(encoding="utf-8")
    outside = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "://" not in outside
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)
    plots = json.loads(
        re.search(r'<script type="application/json" id="plots">(.*?)</script>', page, re.DOTALL)[1]
    )
    assert set(plots) == {"light", "dark"}
    for plot in plots.values():
        roots = [place for item in plot["items"] for place in item["roots"].values()]
        assert roots == ["plot-0", "plot-1", "plot-2", "plot-3"]
    assert all(f'id="plot-{number}"' in page for number in range(4))
    assert json.dumps(plots["light"]).count("#") > 20
    assert theme.DARK.text in json.dumps(plots["dark"])
    assert theme.DARK.text not in json.dumps(plots["light"])


def test_a_browser_shows_the_page_in_light_and_dark(demo):
    from tests.browser import lab

    if lab.find_chromium() is None and not os.environ.get("KIT_REQUIRE_BROWSER"):
        pytest.skip("no Chromium found")
    _, out = demo
    url, problems, asked = (out / "kit-demo.html").as_uri(), [], []
    with lab.browse() as browser:
        page = browser.new_page()
        page.on("console", lambda line: line.type == "error" and problems.append(line.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        for scheme, text in (("light", theme.LIGHT.text), ("dark", theme.DARK.text)) * 2:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(
                """text => Bokeh.documents.length === 1
                && Bokeh.documents[0]._all_models
                && [...Bokeh.documents[0]._all_models.values()].some(m => m.text_color === text)
                && [...document.querySelectorAll('.plot')].every(e => e.offsetHeight > 100)""",
                arg=text,
            )
    assert problems == []
    assert set(asked) == {url}


def test_demo_into_a_file_says_so(tmp_path, capsys):
    (tmp_path / "file").write_text("here first", encoding="utf-8")
    assert command.main(["demo", "--seconds", "0.2", "--out", str(tmp_path / "file")]) == 1
    assert "choose another folder with --out" in capsys.readouterr().err
    assert (tmp_path / "file").read_text(encoding="utf-8") == "here first"


class Terminal:
    def __init__(self):
        self.written = []

    def isatty(self):
        return True

    def write(self, text):
        self.written.append(text)

    def flush(self):
        pass


@pytest.mark.parametrize("columns", ["0", "100"])
def test_a_terminal_gets_a_bar(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with cli_demo._progress() as progress:
        for done in (1.0, 2.0, 4.0):
            progress(done, 4.0)
    text = "".join(terminal.written)
    assert re.search("order book [█#]+", text)
    assert "of 4 s" in text
    assert "of 1 s" not in text


def test_without_tqdm_there_is_no_bar(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    with cli_demo._progress() as progress:
        assert progress is None


def test_text_in_the_page_is_escaped():
    hostile = "</script><img src=x onerror=alert(1)>"
    page = cli_page.page(hostile, hostile, [cli_page.table(hostile, [hostile], [[hostile]])], [])
    assert hostile not in page
    assert theme.current() is theme.LIGHT
