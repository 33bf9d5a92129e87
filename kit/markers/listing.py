"""A list of markers that prints as a table, in a notebook as HTML."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import SupportsIndex, overload

    from kit.markers.marker import Marker

__all__ = ["MarkerList"]

_HEADINGS = ("marker", "fields", "fan-out", "generation", "dispatches", "probes", "declared in")
_NUMBERS = frozenset((2, 3, 4))


class MarkerList(list["Marker"]):
    """Markers, in order of name; a list in every other way."""

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> Marker: ...
        @overload
        def __getitem__(self, index: slice) -> MarkerList: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Marker | MarkerList:
        if isinstance(index, slice):
            return MarkerList(super().__getitem__(index))
        return super().__getitem__(index)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                marker.name,
                marker.format.described if marker.format is not None else "not declared yet",
                f"{marker.fanout:,}",
                f"{marker.generation:,}",
                f"{marker.fired:,}",
                ", ".join(
                    [each.label for each in marker.probes]
                    + [f"{each.label} (off)" for each in marker._off]
                ),
                f"{marker.module}:{marker.line}",
            )
            for marker in self
        ]

    def __repr__(self) -> str:
        if not self:
            return "no markers"
        rows = [_HEADINGS, *self._rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
        lines = [
            "  ".join(
                cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines.insert(1, "  ".join("─" * width for width in widths))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape  # takes a twentieth of the time to import the kit

        if not self:
            return "<p>no markers</p>"

        def cells(row: tuple[str, ...], tag: str) -> str:
            return "".join(
                f'<{tag} style="text-align:{"right" if column in _NUMBERS else "left"}">'
                f"{escape(cell)}</{tag}>"
                for column, cell in enumerate(row)
            )

        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self._rows())
        return (
            '<table style="font-variant-numeric:tabular-nums"><thead><tr>'
            f"{cells(_HEADINGS, 'th')}</tr></thead><tbody>{body}</tbody></table>"
        )
