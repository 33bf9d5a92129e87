"""Static pictures: what a plot shows, without a browser."""

import io
import webbrowser
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from bokeh.models import LinearColorMapper, Range1d
from PIL import Image

from kit import plots
from kit.plots import _theme as theme
from kit.plots import _ticks as ticks
from kit.plots._axes import Axes
from kit.plots._picture import svg as writer
from kit.plots._picture.scene import scene
from kit.plots._picture.shapes import Boxes, Lines, Raster, Words
from tests.plots import samples
from tests.plots.test_plots import NASTY, SCRIPT, TEX, every_plot, nasty_frames

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter(f"{SVG}text")]


def shapes(plot, kind, width=800):
    drawn = scene(plot.figure, width=width, ground="#FFFFFF", title="", summary="")
    return [each for each in drawn.shapes if isinstance(each, kind)]


def test_every_plot_has_a_picture_that_says_what_it_is():
    for plot in every_plot(*nasty_frames("db.query")):
        title, note = plot._caption()
        svg = plot.to_svg()
        assert ET.fromstring(svg).find(f"{SVG}title").text == title
        said = texts(svg)
        assert title in said
        assert note in " ".join(said)
        labels = [
            axis.axis_label
            for figure in getattr(plot.figure, "children", [plot.figure])
            for axis in figure.xaxis
            if figure.visible and axis.visible and axis.axis_label
        ]
        assert set(labels) <= set(said)
        picture = Image.open(io.BytesIO(plot.to_png()))
        assert picture.width == 1600
        assert picture.height == 2 * round(float(ET.fromstring(svg).get("height")))
        assert picture.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_names_chosen_by_programs_are_text_in_a_picture():
    for plot in every_plot(*nasty_frames(NASTY + SCRIPT + TEX)):
        for each in ET.fromstring(plot.to_svg()).iter():
            assert each.tag.removeprefix(SVG) in {
                *("svg", "title", "desc", "rect", "path", "g", "circle", "text", "image")
            }
            assert not any(name.startswith("on") for name in each.attrib)
            assert each.get("href", "data:image/png;").startswith("data:image/png;")


def test_a_picture_of_a_million_events_is_small():
    events = samples.events(1_000_000)
    for make in (plots.latency, plots.rate, plots.latency_over_time, plots.timeline):
        plot = make(events)
        assert len(plot.to_svg()) < 100_000
        assert len(plot.to_png()) < 100_000
    for make in (plots.latency_over_time, plots.timeline):  # every event for itself
        plot = make(samples.events(2_000))
        assert plot.view.single
        assert len(plot.to_svg()) < 100_000
        assert len(plot.to_png()) < 100_000


def test_bars_and_ticks_stand_where_the_axes_say():
    painter = theme.Painter(theme.LIGHT)
    axes = Axes(painter, height=200, x_range=Range1d(0, 10), y_range=Range1d(0, 4), heading=False)
    axes.x_axis(ticks.numbers())
    axes.draw.quad(left=[2.5], right=[5], bottom=[0], top=[4], fill_color="#112233")
    drawn = scene(axes.figure, width=416, ground="#FFFFFF", title="", summary="")
    frame = next(each.clip for each in drawn.shapes if isinstance(each, Boxes))
    assert (frame.left, frame.right) == (80, 380)
    (bar,) = (each for each in drawn.shapes if isinstance(each, Boxes))
    assert bar.style.fill == "#112233"
    assert bar.sides.tolist() == [[155, frame.top, 230, frame.bottom]]
    labels = {each.text: each.x for each in drawn.shapes if isinstance(each, Words)}
    assert (labels["6"], labels["10"]) == (260, 380)


def test_the_first_row_of_an_image_is_at_the_bottom_and_nothing_is_seen_through():
    painter = theme.Painter(theme.LIGHT)
    axes = Axes(painter, height=200, x_range=Range1d(0, 2), y_range=Range1d(0, 2), heading=False)
    mapper = LinearColorMapper(palette=["#000000", "#FFFFFF"], low=1, high=2, low_color="#00000000")
    image = [np.array([[0.0, 1.0], [2.0, np.nan]])]
    axes.draw.image(image=image, x=0, y=0, dw=2, dh=2, color_mapper=mapper)
    (raster,) = (
        each
        for each in scene(axes.figure, width=416, ground="", title="", summary="").shapes
        if isinstance(each, Raster)
    )
    assert raster.pixels[1].tolist() == [[0, 0, 0, 0], [0, 0, 0, 255]]
    assert raster.pixels[0, 0].tolist() == [255, 255, 255, 255]


def test_a_picture_shows_what_is_in_view_and_what_is_brushed():
    plot = plots.latency(samples.events(2_000))
    before = plot.to_svg()
    plot.selection.select(dur=(10_000, 100_000))
    assert "selected" in plot.to_svg()
    assert theme.LIGHT.accent in plot.to_svg()
    assert theme.LIGHT.accent not in before
    plot.selection.clear()
    plot.zoom(dur=(10_000, 20_000))
    assert "out of view" in plot.to_svg()


def test_a_line_is_broken_where_values_are_missing():
    painter = theme.Painter(theme.LIGHT)
    axes = Axes(painter, height=200, x_range=Range1d(0, 4), y_range=Range1d(0, 4), heading=False)
    axes.draw.line([0, 1, 2, 3, 4], [0, 1, np.nan, 3, 4], line_color="#112233")
    drawn = scene(axes.figure, width=416, ground="#FFFFFF", title="", summary="")
    (line,) = (
        each for each in drawn.shapes if isinstance(each, Lines) and each.style.line == "#112233"
    )
    assert [len(points) for points in line.points] == [2, 2]


def test_a_dark_plot_has_a_dark_picture():
    plot = plots.rate(samples.events(100))
    plot.set_theme("dark")
    picture = Image.open(io.BytesIO(plot.to_png())).convert("RGB")
    assert picture.getpixel((0, 0)) == (0x11, 0x11, 0x11)
    assert f'fill="{theme.DARK.surface}"' in plot.to_svg()


def test_pictures_are_written_where_they_are_asked_for(tmp_path):
    plot = plots.rate(samples.events(100))
    assert plot.to_svg(tmp_path / "a.svg") == (tmp_path / "a.svg").read_text("utf-8")
    assert plot.to_png(tmp_path / "a.png") == (tmp_path / "a.png").read_bytes()
    with pytest.raises(OSError, match="missing"):
        plot.to_png(tmp_path / "missing" / "a.png")


@pytest.mark.parametrize("opened", [True, False])
def test_show_opens_a_page_and_says_where_it_is(monkeypatch, capsys, opened):
    asked = []
    monkeypatch.setattr(webbrowser, "open", lambda url: asked.append(url) or opened)
    path = plots.rate(samples.events(100)).show()
    try:
        said = capsys.readouterr().out
        assert said.startswith(str(path))
        assert ("no browser" in said) is not opened
        assert asked == [path.as_uri()]
        assert "Bokeh" in path.read_text("utf-8")
    finally:
        path.unlink()


def test_numbers_take_as_few_letters_as_they_need():
    assert [writer._n(n) for n in (0, -0.04, 12.0, 12.34, 0.075)] == [
        "0",
        "-0.04",
        "12",
        "12.3",
        "0.07",
    ]


def test_nothing_and_one_event_have_a_picture():
    others = samples.dispatches, samples.publications, samples.probe_calls
    nothing = samples.events(1).iloc[:0], *(make([]) for make in others)
    one = (
        samples.events(1),
        samples.dispatches([(0, 0, "a", 1, 0, 1)]),
        samples.publications([(0, "a", "connect", "p", 1, None)]),
        samples.probe_calls([(1, "a", "p", 0, None)]),
    )
    for frames in (nothing, one):
        for plot in every_plot(*frames):
            assert plot._caption()[0] in texts(plot.to_svg())
            assert plot.to_png()[1:4] == b"PNG"


def test_time_that_not_all_threads_have_kept_is_shaded_in_a_picture():
    """Seen to fail: a box without a line had a line of the colour "None"."""
    frame = samples.events()
    whole = len(shapes(plots.timeline(frame), Boxes))
    frame.attrs["kept_from"] = {"1": int(frame["ts"].median())}
    plot = plots.timeline(frame)
    boxes = shapes(plot, Boxes)
    assert len(boxes) == whole + 1
    [gap] = [each for each in boxes if each.style.fill_alpha == 0.14]
    assert gap.style.line is None
    assert gap.sides[0, 2] > gap.sides[0, 0]
    assert ET.fromstring(plot.to_svg()) is not None
    assert Image.open(io.BytesIO(plot.to_png())).width == 1600
