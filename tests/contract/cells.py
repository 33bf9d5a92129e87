"""A notebook as its kernel sees it."""

import kit

__all__ = ["Cells"]


class Cells:
    """One `__main__` for all cells, each under a file name made of its text, as in ipykernel."""

    def __init__(self) -> None:
        self.names = {"__name__": "__main__", "kit": kit, "seen": []}

    def run(self, source: str) -> None:
        """Run a cell."""
        filename = f"/tmp/ipykernel_4711/{hash(source) & 0xFFFFFFFF}.py"
        exec(compile(source, filename, "exec"), self.names)

    def seen(self) -> list:
        """Return what the cells' probes have noted, and forget it."""
        found = list(self.names["seen"])
        self.names["seen"].clear()
        return found
