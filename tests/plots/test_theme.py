"""Colours."""

import re
import threading

import pytest
from bokeh.core.json_encoder import serialize_json
from bokeh.document import Document
from bokeh.models.annotations import Title

from kit import plots
from kit.plots import _theme as theme
from tests.plots import samples


@pytest.fixture(autouse=True)
def fresh_names(monkeypatch):
    monkeypatch.setattr(theme, "_colors", {})
    monkeypatch.setattr(theme, "_probe_colors", {})


@pytest.fixture
def other_theme():
    before = theme.current().name
    yield
    theme.use(before)


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_a_name_keeps_its_colour_and_the_first_names_differ():
    names = [f"probe{n}" for n in range(len(theme.CATEGORIES))]
    first = [theme.color_of(name) for name in names]
    assert len(set(first)) == len(names)
    assert [theme.color_of(name) for name in reversed(names)] == first[::-1]


def test_names_past_the_palette_get_colours_of_their_own():
    made = [theme.color_of(f"probe{n}") for n in range(4 * len(theme.CATEGORIES))]
    assert len(set(made)) == len(made)


def test_red_and_the_accent_are_nobodys_colour():
    reserved = {t.bad for t in (theme.LIGHT, theme.DARK)} | {theme.LIGHT.accent, theme.DARK.accent}
    assert not reserved & {theme.color_of(str(n)) for n in range(50)}


def test_threads_agree_on_the_colour_of_a_name():
    seen = []
    barrier = threading.Barrier(8)

    def ask(number):
        barrier.wait()
        seen.append({name: theme.color_of(name) for name in ("a", "b", str(number), "c")})

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(s[name] for name in "abc") for s in seen}) == 1


@pytest.mark.parametrize("colors", [theme.LIGHT, theme.DARK], ids=lambda t: t.name)
def test_what_is_read_can_be_read(colors):
    assert contrast(colors.text, colors.surface) > 7
    assert contrast(colors.muted, colors.surface) > 4.5
    for color in (colors.accent, colors.bad):
        assert contrast(color, colors.surface) > 3


@pytest.mark.parametrize("colors", [theme.LIGHT, theme.DARK], ids=lambda t: t.name)
def test_more_events_are_more_ink_and_one_event_shows(colors):
    steps = [contrast(color, colors.surface) for color in colors.density]
    assert steps[0] > 1.25
    assert steps == sorted(steps)


GROUNDS = {"light": ("#FFFFFF", "#F5F5F5"), "dark": ("#111111", "#1E1E1E", "#212121")}
"""Those of plots, of JupyterLab and of VS Code, with what is laid on them."""


@pytest.mark.parametrize("color_of", [theme.color_of, theme.probe_color_of])
def test_every_colour_that_is_handed_out_shows_on_every_ground(color_of):
    """Seen to fail with Okabe and Ito's own orange and sky blue, which have 2.3 on white."""
    for light in {color_of(f"name{n}") for n in range(100)}:
        for ground in GROUNDS["light"]:
            assert contrast(light, ground) >= 3, light
        for ground in GROUNDS["dark"]:
            assert contrast(theme.TWINS[light], ground) >= 3, theme.TWINS[light]


def test_probes_never_take_the_best_colours():
    probes = {theme.probe_color_of(f"probe{n}") for n in range(100)}
    assert not probes & {theme.color_of(f"marker{n}") for n in range(100)}


def test_every_colour_has_one_meaning_in_either_theme():
    """Else a picture in one theme could not be turned into one in the other by its colours."""
    roles = [getattr(theme.LIGHT, role) for role in theme.Theme.__slots__[1:-1]]
    lights = [*roles, *(light for light, _ in (*theme.MARKERS, *theme.PROBES))]
    darks = [theme.TWINS[light] for light in lights]
    for colors, ramp in ((lights, theme.LIGHT.density), (darks, theme.DARK.density)):
        assert len({*colors}) == len(colors)
        assert not {*colors} & {*ramp}
    # A ramp has neighbours of the same colour; their twins are neighbours.
    for light, dark in zip(theme.LIGHT.density, theme.DARK.density, strict=True):
        assert (
            abs(theme.DARK.density.index(theme.TWINS[light]) - theme.DARK.density.index(dark)) < 3
        )


def test_what_a_plot_paints_has_a_twin():
    events = samples.events(500)
    for make in (plots.latency, plots.latency_over_time, plots.rate, plots.timeline):
        document = Document()
        document.add_root(make(events).figure)
        text = serialize_json(document.to_json(deferred=False))
        colors = set(re.findall(r"""["':](#[0-9A-Fa-f]{6})["';\\\\]""", text))
        colors.discard("#1f77b4")  # Bokeh's own, of glyphs that nobody sees
        assert len(colors) > 5
        assert colors <= {*theme.TWINS}


def test_a_theme_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no theme 'solarized': choose 'light' or 'dark'"):
        theme.use("solarized")


def test_the_theme_is_for_plots_made_from_now_on(other_theme):
    painter = theme.Painter(theme.current())
    theme.use("dark")
    assert painter.theme is not theme.current()
    assert theme.current().name == "dark"


def test_a_painter_paints_again():
    painter = theme.Painter(theme.LIGHT)
    title = painter(Title(), text_color="bad")
    ran = []
    painter.run(lambda colors: ran.append(colors.name))
    painter.change(theme.DARK)
    assert title.text_color == theme.DARK.bad
    assert ran == ["light", "dark"]
