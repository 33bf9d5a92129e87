"""Colours: what each stands for, in a light and a dark theme, and one colour a name.

Categories use the hues of Okabe and Ito, which people with any common colour blindness can tell
apart, each in a shade for either ground.  Their vermilion is kept back as the accent (what is
selected, what is newest), and red means one thing only: lost, failed or late.  Density is shown in
cividis, more ink for more events on either ground.

Every light colour has its dark twin in `TWINS`, and none of them another meaning.  So a picture in
one theme becomes one in the other when its colours are replaced: each page does that for itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from bokeh.model import Model
from bokeh.palettes import Cividis256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "CATEGORIES",
    "DARK",
    "LIGHT",
    "TWINS",
    "Painter",
    "Theme",
    "color_of",
    "current",
    "named",
    "probe_color_of",
    "use",
]

Name = Literal["light", "dark"]
M = TypeVar("M", bound=Model)

CATEGORIES: Final = (
    ("#0064A0", "#3D97DB"),  # blue
    ("#B87500", "#E69F00"),  # orange
    ("#00916A", "#1DB588"),  # bluish green
    ("#C0608F", "#D88CB5"),  # reddish purple
    ("#3392CC", "#7CCBF5"),  # sky blue
    ("#8F8200", "#D6C735"),  # yellow
    ("#7D7D7D", "#A0A0A0"),  # grey, for black, which cannot be seen on a dark ground
)
"""Colours of markers on a light and on a dark ground, in the order in which names take them."""

ROUNDS: Final = (0.0, 0.3, 0.5, 0.63)
"""How far names past the last category are from its first round: away from the ground."""

FONT: Final = (
    "system-ui, -apple-system, 'Segoe UI', Helvetica, 'Liberation Sans', Arial, sans-serif"
)


@dataclass(frozen=True, slots=True)
class Theme:
    """The colour of each role.

    Attributes
    ----------
    name : str
        ``"light"`` or ``"dark"``.
    surface : str
        The page the plots lie on; the plots themselves are transparent.
    text, muted, axis, grid : str
        What is read, what is read second, axis lines, grid lines.
    neutral : str
        Bars of several markers together.
    accent : str
        What is selected, what is newest.
    bad : str
        Lost, failed, late; nothing else.
    calm, calm_other : str
        Two hues that old generations alternate between.
    density : tuple of str
        From few to many.
    """

    name: Name
    surface: str
    text: str
    muted: str
    axis: str
    grid: str
    neutral: str
    accent: str
    bad: str
    calm: str
    calm_other: str
    density: tuple[str, ...]


# The ends of cividis nearest to the ground are cut off: one event must show.
LIGHT: Final = Theme(
    name="light",
    surface="#FFFFFF",
    text="#1F2328",
    muted="#636C76",
    axis="#AFB8C1",
    grid="#E7EAEE",
    neutral="#7C9BB8",
    accent="#D55E00",
    bad="#C1002F",
    calm="#6C8EAD",
    calm_other="#B9AD8A",
    density=tuple(reversed(Cividis256[:228])),
)
DARK: Final = Theme(
    name="dark",
    surface="#111111",
    text="#E6E8EA",
    muted="#9BA4AE",
    axis="#555D66",
    grid="#262B30",
    neutral="#6F90AF",
    accent="#FF8B3D",
    bad="#FF4D6D",
    calm="#7396B8",
    calm_other="#A3966F",
    density=tuple(Cividis256[28:]),
)


def _mixed(color: str, level: int, share: float) -> str:
    """Mix a colour with a grey."""
    channels = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(each + (level - each) * share):02X}" for each in channels)


def _rounds(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Give colours in rounds, each of them further from its ground."""
    known = tuple(pairs)
    return tuple(
        (_mixed(light, 0x20, share), _mixed(dark, 0xF0, share))
        for share in ROUNDS
        for light, dark in known
    )


MARKERS: Final = _rounds(CATEGORIES)
PROBES: Final = _rounds((_mixed(a, 0x70, 0.3), _mixed(b, 0x90, 0.3)) for a, b in CATEGORIES)
"""Calmer: what probes show is beside what markers show, never instead of it."""

TWINS: Final[dict[str, str]] = {
    **{getattr(LIGHT, role): getattr(DARK, role) for role in Theme.__slots__[1:-1]},
    **dict(zip(LIGHT.density, DARK.density, strict=True)),
    **dict(MARKERS),
    **dict(PROBES),
}
"""The dark colour in place of each light one."""

_lock = threading.Lock()
_colors: dict[str, str] = {}
_probe_colors: dict[str, str] = {}
_current: Theme = LIGHT


def color_of(name: str) -> str:
    """Give the colour of a marker on a light ground: the same in every plot of this process.

    Names take the colours in the order in which they first ask; past the last category they start
    again, each round a shade away from the one before, and after some rounds from the beginning.

    Parameters
    ----------
    name : str
        A marker's name.

    Returns
    -------
    str
        ``#RRGGBB``; on a dark ground its twin is used, see `Painter.of`.

    Examples
    --------
    >>> color_of("orders.fill") == color_of("orders.fill")
    True
    """
    return _taken(name, _colors, MARKERS)


def probe_color_of(name: str) -> str:
    """Give the colour of a probe on a light ground, none of the best ones of markers.

    Parameters
    ----------
    name : str
        A probe's label.

    Returns
    -------
    str
        ``#RRGGBB``.

    Examples
    --------
    >>> probe_color_of("record") == probe_color_of("record")
    True
    """
    return _taken(name, _probe_colors, PROBES)


def _taken(name: str, taken: dict[str, str], colors: Sequence[tuple[str, str]]) -> str:
    with _lock:
        if name not in taken:
            taken[name] = colors[len(taken) % len(colors)][0]
        return taken[name]


def use(name: Name) -> Theme:
    """Choose the theme of the plots made from now on.

    Parameters
    ----------
    name : {"light", "dark"}

    Returns
    -------
    Theme

    Raises
    ------
    ValueError
        If there is no theme of that name.

    Examples
    --------
    >>> use("light").name
    'light'
    """
    global _current
    theme = named(name)
    with _lock:
        _current = theme
    return theme


def current() -> Theme:
    """Tell which theme the next plot will have.

    Examples
    --------
    >>> current().name
    'light'
    """
    with _lock:
        return _current


def named(name: str) -> Theme:
    """Find a theme by its name, or refuse that, as `use` does.

    Examples
    --------
    >>> named("dark").name
    'dark'
    """
    for theme in (LIGHT, DARK):
        if theme.name == name:
            return theme
    raise ValueError(f"there is no theme {name!r}: choose 'light' or 'dark'")


class Painter:
    """Gives models their colours, and gives them again when the theme changes.

    Parameters
    ----------
    theme : Theme

    Examples
    --------
    >>> from bokeh.models import Title
    >>> painter, title = Painter(LIGHT), Title()
    >>> painter(title, text_color="muted").text_color
    '#636C76'
    >>> painter.change(DARK)
    >>> title.text_color
    '#9BA4AE'
    """

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self._painted: list[tuple[Model, str, str]] = []
        self._others: list[Callable[[Theme], None]] = []

    def __call__(self, model: M, **roles: str) -> M:
        """Set properties to the colours of roles, for example ``text_color="muted"``."""
        for property_name, role in roles.items():
            setattr(model, property_name, self.color(role))
            self._painted.append((model, property_name, role))
        return model

    def run(self, paint: Callable[[Theme], None]) -> None:
        """Call a function with the theme, now and at every change."""
        paint(self.theme)
        self._others.append(paint)

    def color(self, role: str) -> str:
        """Give the colour of a role in the present theme."""
        return str(getattr(self.theme, role))

    def of(self, name: str) -> str:
        """Give the colour of a marker in the present theme."""
        return self._twin(color_of(name))

    def of_probe(self, name: str) -> str:
        """Give the colour of a probe in the present theme."""
        return self._twin(probe_color_of(name))

    def _twin(self, color: str) -> str:
        return color if self.theme is LIGHT else TWINS[color]

    def change(self, theme: Theme) -> None:
        """Paint everything again in another theme."""
        self.theme = theme
        for model, property_name, role in self._painted:
            setattr(model, property_name, self.color(role))
        for paint in self._others:
            paint(theme)
