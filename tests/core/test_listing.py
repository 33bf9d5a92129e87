"""The table of markers."""

import pytest

import kit
from kit.core._marker import MarkerList


@pytest.fixture
def markers(unique):
    fill = kit.marker(unique("fill"), qty=int, px=float)
    kit.span(unique("a"))
    fill.connect(lambda *_: None, name="<b>")
    for _ in range(1234):
        fill(1, 2.5)
    return kit.markers(unique("*"))


def test_it_is_a_list(markers, unique):
    assert isinstance(markers, list)
    assert [marker.name for marker in markers] == [unique("a"), unique("fill")]
    assert markers[-1].name == unique("fill")
    assert type(markers[:1]) is type(markers[::-1]) is MarkerList
    assert kit.core is not None
    assert kit.markers() == kit.markers("*")


def test_columns_are_aligned_and_numbers_stand_to_the_right(markers):
    heading, rule, first, second = repr(markers).splitlines()
    assert set(rule) == {"─", " "}
    for title in ("fan-out", "generation", "dispatches"):
        end = heading.index(title) + len(title)
        assert first[end - 1].isdigit()
        assert second[end - 1].isdigit()
        assert first[end : end + 1] in ("", " ")
    column = heading.index("fields")
    assert second[column:].startswith("qty %d px %f")
    assert "1,234" in second
    assert not any(line.endswith(" ") for line in (heading, first, second))


def test_what_is_not_declared_shows_itself(unique):
    waited = kit.connect(unique("waited"), print).marker
    assert "not declared yet" in repr(waited)
    assert "not declared yet" in repr(MarkerList([waited]))


def test_html_is_a_table_without_markup_of_others(markers):
    html = markers._repr_html_()
    assert html.count("<tr>") == 3
    assert html.count("<th ") == html.count("<td ") / 2 == 7
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert markers[1]._repr_html_().count("<tr>") == 2
    assert MarkerList()._repr_html_() == "<p>no markers</p>"
