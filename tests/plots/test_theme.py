"""Colours."""

import threading

import pytest
from bokeh.models.annotations import Title

from kit.plots import _theme as theme


@pytest.fixture(autouse=True)
def fresh_names(monkeypatch):
    monkeypatch.setattr(theme, "_colors", {})


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


def test_every_category_shows_on_both_grounds():
    for color in theme.CATEGORIES:
        for ground in (theme.LIGHT.surface, theme.DARK.surface):
            assert contrast(color, ground) > 2


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
