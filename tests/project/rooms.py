"""``python -m tests.project.rooms``: draw which room imports which, into CONTRIBUTING.md."""

import ast
import re

from tests.project.test_house import BELOW, DOORS, ROOT, imports, modules, room_of, rooms_in

PAGE = ROOT / "CONTRIBUTING.md"
PLACE = re.compile(
    r"(?<=<!-- python -m tests\.project\.rooms -->\n).*?(?=<!-- end of rooms -->)", re.DOTALL
)
FACE = {"_c", "kit"}  # C is the core's twin, and the face is all rooms


def arrows() -> set[tuple[str, str]]:
    """Who imports whom when it is loaded, without what another arrow says already."""
    known: dict[str, set[str]] = {room: set() for room in BELOW}
    for path in modules():
        if (room := room_of(path)) in BELOW:
            found = rooms_in(imports(ast.parse(path.read_text()), lazy=False))
            known[room] |= found - {room} - FACE
    further: dict[str, set[str]] = {}
    for _ in known:  # what is reached by more than one arrow
        further = {
            room: set().union(*(known[each] | further.get(each, set()) for each in below))
            for room, below in known.items()
        }
    return {(room, each) for room, below in known.items() for each in below - further[room]}


def drawing() -> str:
    """The rooms as a Mermaid diagram, which draws them in the order in which it meets them."""
    solid = arrows()

    def height(room: str) -> int:
        return 1 + max((height(lower) for upper, lower in solid if upper == room), default=-1)

    rooms = sorted(BELOW, key=lambda room: (-height(room), room))
    doors = {(path.partition("/")[0], above) for path, rooms in DOORS.items() for above in rooms}
    lines = [f"    {room}" for room in rooms]
    for arrow, pairs in (("-->", solid), ("-.->", doors)):
        pairs = sorted(pairs, key=lambda pair: [*map(rooms.index, pair)])
        lines += [f"    {one} {arrow} {other}" for one, other in pairs]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(PLACE.sub(lambda _: drawing(), PAGE.read_text()))
