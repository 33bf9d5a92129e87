"""The report on the day so far: who traded what with whom, as a tree.

It is built the way such things are built in a hurry: each node knows its parent and its children.
Nothing of it can be freed by counting references, so it leaves work for the garbage collector.
"""

import gc
import sqlite3
from collections.abc import Iterator

import kit

__all__ = ["Node", "build", "totals"]

building = kit.span("report.build", orders=int)
query = kit.span("db.query", kind=kit.Label)


class Node:
    """A line of the report, and the lines below it.

    Parameters
    ----------
    name : str
        What the line is about.
    parent : Node or None
        The line above.
    """

    def __init__(self, name: str, parent: "Node | None" = None) -> None:
        self.name = name
        self.parent = parent
        self.children: dict[str, Node] = {}
        self.lots = 0

    def child(self, name: str) -> "Node":
        """Find the line of that name below this one, or make it."""
        if name not in self.children:
            self.children[name] = Node(name, self)
        return self.children[name]

    def walk(self) -> Iterator["Node"]:
        """Yield this line and all below it, parents first."""
        yield self
        for child in self.children.values():
            yield from child.walk()

    def add(self, lots: int) -> None:
        """Count lots here and in every line above."""
        node: Node | None = self
        while node is not None:
            node.lots += lots
            node = node.parent


def totals(connection: sqlite3.Connection) -> Node:
    """Read all orders into a tree: symbol, side, price, order.

    Parameters
    ----------
    connection : sqlite3.Connection
        Read in one statement, so the report shows one moment.

    Returns
    -------
    Node
        The root; its `lots` is the traded quantity, bought and sold.
    """
    root = Node("all")
    with query("report"):
        rows = connection.execute("SELECT sym, side, px, seq, filled FROM orders").fetchall()
    with building(len(rows)):
        for sym, side, px, seq, filled in rows:
            line = root.child(sym).child(side).child(str(px)).child(str(seq))
            line.add(filled)
    return root


def build(connection: sqlite3.Connection) -> int:
    """Make the report, take the figure on top of it, and throw it away.

    Parameters
    ----------
    connection : sqlite3.Connection

    Returns
    -------
    int
        Lots traded, bought and sold together.
    """
    lots = totals(connection).lots
    # The tree is full of cycles.  Collecting here keeps memory flat; that everybody pays for it is
    # what the spans are there to show.
    gc.collect()
    return lots
