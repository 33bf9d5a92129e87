"""A real program with markers in it: an order book on SQLite.

It is here to be watched.  Its markers are left in as the author of a library would leave them in
code that ships: they cost next to nothing until somebody connects a probe.

Examples
--------
>>> from kit.demo import OrderBook
>>> OrderBook(writers=2)
<OrderBook not started, 2 writers, 2 readers>
"""

from kit.demo.program import OrderBook

__all__ = ["OrderBook"]
