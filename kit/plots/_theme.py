"""Colours: what each stands for, in a light and a dark theme, and one colour a name.

Categories use the palette of Okabe and Ito, which people with any common colour blindness can tell
apart.  Its vermilion is kept back as the accent (what is selected, what is newest), and red means
one thing only: lost, failed or late.  Density is shown in cividis, more ink for more events on
either ground.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from bokeh.model import Model
from bokeh.palettes import Cividis256

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CATEGORIES", "DARK", "LIGHT", "Painter", "Theme", "color_of", "current", "named", "use"]

Name = Literal["light", "dark"]
M = TypeVar("M", bound=Model)

CATEGORIES: Final = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#56B4E9",  # sky blue
    "#B8A800",  # yellow, darkened until it can be seen on white
    "#8C8C8C",  # grey, for black, which cannot be seen on a dark ground
)
"""Colours of probes and markers, in the order in which names take them."""

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
    density=tuple(reversed(Cividis256[:232])),
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

_lock = threading.Lock()
_colors: dict[str, str] = {}
_current: Theme = LIGHT


def color_of(name: str) -> str:
    """Give the colour of a marker or probe: the same in every plot and list of this process.

    Names take the colours in the order in which they first ask; past the last category they start
    again, each round a shade away from the one before.

    Parameters
    ----------
    name : str
        A marker's or probe's name.

    Returns
    -------
    str
        ``#RRGGBB``.

    Examples
    --------
    >>> color_of("orders.fill") == color_of("orders.fill")
    True
    """
    with _lock:
        if name not in _colors:
            turn, index = divmod(len(_colors), len(CATEGORIES))
            _colors[name] = _shade(CATEGORIES[index], turn)
        return _colors[name]


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

    def change(self, theme: Theme) -> None:
        """Paint everything again in another theme."""
        self.theme = theme
        for model, property_name, role in self._painted:
            setattr(model, property_name, self.color(role))
        for paint in self._others:
            paint(theme)


def _shade(color: str, turn: int) -> str:
    """Mix a colour with dark and light in turn, ever nearer to the middle."""
    if turn == 0:
        return color
    toward = (0x20, 0xF0)[(turn - 1) % 2]
    share = 0.4 / (1 + (turn - 1) // 2)
    channels = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    mixed = (round(channel + (toward - channel) * share) for channel in channels)
    return "#" + "".join(f"{channel:02X}" for channel in mixed)
