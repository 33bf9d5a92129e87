"""Every ready-made probe is what docs/ready-made-probes.md asks for, and so is its example."""

import inspect
import pickle
import re
import threading
from pathlib import Path

import pytest

import kit
from kit.probes import READY_MADE

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def from_the_page():
    """The class that the page writes."""
    names: dict[str, object] = {}
    exec("\n".join(BLOCK.findall((DOCS / "ready-made-probes.md").read_text())), names)
    return names["Rare"]


ALL = [*READY_MADE, from_the_page()]


@pytest.fixture
def fill():
    return kit.marker("readymade.fill", qty=int)


@pytest.fixture
def query():
    return kit.span("readymade.query", sql=str)


@pytest.mark.parametrize("kind", ALL)
def test_it_takes_any_marker_and_is_disconnected_again(kind, fill, query):
    probe = kind()
    with fill.connect(probe) as first, query.connect(probe) as second:
        fill(1)
        with query("select 1"):
            pass
    assert (first.calls, second.calls) == (1, 1)
    assert first.errors == second.errors == 0
    assert not fill
    assert not query


@pytest.mark.parametrize("kind", ALL)
def test_it_says_what_it_is_and_begins_again(kind, fill):
    probe = kind()
    new = repr(probe)
    assert new.startswith(f"<{kind.__name__}")
    with fill.connect(probe):
        for n in range(5):
            fill(n)
    probe.reset()
    assert repr(probe) == new
    assert kind.kit_label == kind.kit_label.lower()
    assert re.match(r"[A-Z].*\.$", (inspect.getdoc(kind) or "").partition("\n")[0])


@pytest.mark.parametrize("kind", ALL)
def test_it_is_called_once_for_each_event_of_every_thread(kind, fill):
    probe = kind()

    def work():
        for n in range(2_000):
            fill(n)

    with fill.connect(probe) as connection:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert connection.calls == 8_000
    assert connection.errors == 0


@pytest.mark.parametrize("kind", READY_MADE)
def test_it_is_documented_exported_and_stays_in_its_process(kind):
    assert kit.probes.__all__.count(kind.__name__) == 1
    assert ">>>" in (inspect.getdoc(kind) or "")
    assert f"`{kind.__name__}`" in (DOCS / "probes.md").read_text()
    with pytest.raises(TypeError, match=f"{kind.__name__} stays in its process"):
        pickle.dumps(kind())
