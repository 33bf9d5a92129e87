"""What is left of plots and panels where there is no kernel: in exports of a notebook."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("nbconvert")

from nbclient import NotebookClient
from nbconvert import HTMLExporter, MarkdownExporter

CELLS = (
    """
import kit, kit.widgets
from kit import plots
import pandas as pd
ts = range(0, 1_000_000, 1_000)
frame = pd.DataFrame({"ts": ts, "dur": [5_000 + t % 7_919 for t in ts], "marker": "<b>slow</b>"})
plot = plots.latency(frame)
plot
""",
    """
fill = kit.marker("exports.fill", qty=int)
panel = kit.panel("exports.*")
panel
""",
    """
panel.start()
for qty in range(200):
    fill(qty)
panel.stop()
plot.update(frame.iloc[:500])
""",
    "kit.rcu.board('0→1')",
)


class Pictures(HTMLParser):
    """Text alternatives of all pictures in a page, and how many stills there are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.stills = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        self.stills += "data-kit-still" in about
        if tag == "img":
            assert about["src"].startswith("data:image/png;base64,")
            self.found.append(about["alt"])


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in CELLS])
    folder = str(tmp_path_factory.mktemp("exports"))
    client = NotebookClient(
        made, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}},
        store_widget_state=False,
    )  # fmt: skip
    return client.execute()


def data(notebook, cell):
    return [output.data for output in notebook.cells[cell].outputs]


def test_a_plot_is_a_view_and_a_picture_of_it(notebook):
    live, still = data(notebook, 0)
    assert set(live) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert live["text/plain"] == ""
    assert still["text/plain"].startswith("<Latency: Latency · <b>slow</b>")
    assert "image/png" in still
    assert b64decode(still["image/png"])[:4] == b"\x89PNG"
    assert len(str(still)) < 200_000


def test_a_picture_is_drawn_again_when_a_cell_has_changed_what_it_shows(notebook):
    assert "500 events" in data(notebook, 0)[1]["text/plain"]
    assert (
        'alt="Latency: Latency · &lt;b&gt;slow&lt;/b&gt;; 500 events'
        in (data(notebook, 0)[1]["text/html"])
    )
    _, panel = data(notebook, 1)
    assert "not recording, 200 events" in panel["text/plain"]
    assert re.search(r"Not live: as it was at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", panel["text/html"])


@pytest.mark.parametrize("exporter", [HTMLExporter, MarkdownExporter])
def test_an_export_shows_pictures_and_no_dead_view(notebook, exporter):
    text, _ = exporter().from_notebook_node(notebook)
    assert "model not found" not in text
    assert "Pane of" not in text
    assert "<b>slow</b></" not in text
    assert "exports.fill" in text
    reader = Pictures()
    reader.feed(text)
    assert [alt[:33] for alt in reader.found] == ["Latency: Latency · <b>slow</b>; 5"]
    assert reader.stills == 3


def test_pictures_have_no_address(notebook):
    for cell in range(4):
        for output in data(notebook, cell):
            assert not re.search(r"(?:src|href)=\"(?!data:)", output.get("text/html", ""))


def test_the_notebook_is_a_file_of_some_tens_of_kilobytes(notebook, tmp_path):
    path = Path(tmp_path / "saved.ipynb")
    nbformat.write(notebook, path)
    assert path.stat().st_size < 300_000
