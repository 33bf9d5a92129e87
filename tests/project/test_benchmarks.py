"""What the benchmark makes of figures, without measuring any: table, page, documents."""

import re
from pathlib import Path

import pytest

from tests.benchmarks import charts, documents, page, report
from tests.benchmarks.figures import BY_KEY, FIGURES
from tests.benchmarks.report import HEADS, SHORT, Results


def made_up() -> Results:
    """Every row, every growth, and names that are markup."""
    results = Results(machine="a machine", day="2001-02-03")
    for figure in FIGURES:
        results.values[figure.key] = {"c": figure.reach, "bare": figure.reach / 2, "python": 900.0}
        results.values[figure.key] |= {"slow <b>": 70.0, "fast & small": 6.0}
    results.values["off"]["c"] = 9.0
    places = {"1": 2.0, "8": 3.0}
    for dispatcher in ("c", "python"):
        results.growth[dispatcher] = {
            "call": 15.0,
            "fan-out": {"kit": places, "bare": places},
            "fields": {"int": places, "float": places, "str, 1 character": places},
            "kinds": {"one field": {"int": 1.0, "str": 2.0}},
            "connected": {"connect + disconnect": {"0": 2000.0, "64": 3000.0}},
            "threads": {"off": places, "one probe": places, "record": places},
            "grace": {"nobody dispatching": 0.5, "1 in dispatches": 170.0},
        }
    results.frames = {"kit, c": {"bytes": 40.0, "frame": 20.0, "frame of 10 M": 200.0}}
    results.first = {"first frame": 400.0}
    results.says = {"kit": "0.1.0", "other": "absent: it is not installed"}
    results.call = {"c": 15.0}
    return results


def test_a_run_is_kept_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    made_up().save(path)
    assert Results.load(path) == made_up()


@pytest.mark.parametrize(
    ("value", "bare", "reached"),
    [(0.65, None, True), (0.66, None, False), (1.14, 1.0, True), (1.16, 1.0, False)],
)
def test_a_row_is_reached_within_its_ratio_or_near_the_floor(
    value: float, bare: float | None, reached: bool
) -> None:
    assert BY_KEY["off"].reached(value, bare) is reached


@pytest.mark.parametrize("heads", [HEADS, SHORT], ids=["all", "short"])
def test_the_table_has_every_row_and_says_where_it_comes_from(heads: list[str]) -> None:
    table = report.markdown(made_up(), heads)
    lines = table.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2 : 2 + len(FIGURES)]] == [
        figure.label for figure in FIGURES
    ]
    assert {line.count("|") for line in lines[: 2 + len(FIGURES)]} == {len(heads) + 1}
    assert "9.00x" in lines[2]
    assert "fast & small 6.00x" in lines[2]  # the best peer first
    said = lines[-1]
    assert "2001-02-03" in said
    assert "a machine; kit 0.1.0" in said
    assert "other is not in the table: it is not installed" in said


def test_the_text_tells_what_was_missed() -> None:
    (off,) = (line for line in report.text(made_up()).splitlines() if line.startswith("fire,"))
    assert "NO" in off


def test_the_page_has_every_row_and_is_whole_by_itself() -> None:
    made = page.page(made_up())
    rows = re.findall(r'<th scope="row">(.*?)</th>', made)
    assert [re.sub("</?code>", "`", row) for row in rows] == [each.label for each in FIGURES]
    assert made.count(">missed<") == 1
    assert made.count(">reached<") == len(FIGURES) - 1
    table, _, _ = made.partition('<section class="light">')
    assert "slow &lt;b&gt;" in table
    assert "slow <b>" not in table
    tags = re.sub(r"<(script|style)(.*?)>.*?</\1>", r"<\1\2>", made, flags=re.DOTALL)
    assert not re.search(r"\s(?:src|href)=", tags)


@pytest.mark.parametrize("theme", [page.LIGHT, page.DARK], ids=["light", "dark"])
def test_the_page_draws_whatever_there_is(theme: page.Theme) -> None:
    titles = [each.above[-1].text for each in page.drawn(made_up(), theme)]
    assert len(titles) == len(set(titles)) == 14
    some = Results(values={"off": {"c": 0.7, "python": 4.0}})
    assert len(page.drawn(some, theme)) == 1


def test_labels_are_moved_apart_in_their_order() -> None:
    moved = charts.spread([5.0, 5.0, 4.9, 50.0], 10)
    assert moved[3] == 50
    low, middle, high = moved[2], moved[0], moved[1]
    assert middle - low >= 9.99
    assert high - middle >= 9.99


@pytest.mark.parametrize("path", documents.TABLES, ids=lambda path: path.name)
def test_documents_show_the_rows_that_are_measured(path: Path) -> None:
    shown = documents.between(path.read_text()).strip().splitlines()
    assert shown[0] == f"| {' | '.join(documents.TABLES[path])} |"
    rows = [line.split("|")[1].strip() for line in shown[2:] if line.startswith("|")]
    assert rows == [figure.label for figure in FIGURES]
    for what in ("Measured on", "CPython", "kit "):
        assert what in shown[-1]


def test_only_the_table_of_a_document_is_replaced() -> None:
    text = f"before {documents.BEGIN}\nold\n{documents.END} after"
    new = documents.replaced(text, "new")
    assert new == f"before {documents.BEGIN}\nnew\n{documents.END} after"
    assert documents.replaced(new, "new") == new
    with pytest.raises(ValueError, match="there is no"):
        documents.replaced("a document without", "new")
