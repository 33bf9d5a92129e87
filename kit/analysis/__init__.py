"""Frames → frames: summaries, latency, rates, pairing, fan-out, overlaps, what encloses, comparing.

Plain functions. Each takes events (or dispatches and probe calls) as `kit.frames` builds them, or
filtered, or with further columns, and returns a frame. The same functions are offered as methods by
``frame.kit``.
"""

from __future__ import annotations

from kit.analysis._compare import compare
from kit.analysis._enclosing import enclosing
from kit.analysis._fanout import dispatch_cost, fanout
from kit.analysis._latency import QUANTILES, latency, outliers
from kit.analysis._overlap import causes, overlaps
from kit.analysis._pair import pair
from kit.analysis._rate import rate
from kit.analysis._readable import readable
from kit.analysis._summary import gaps, summary
from kit.analysis._where import where

__all__ = [
    "QUANTILES",
    "causes",
    "compare",
    "dispatch_cost",
    "enclosing",
    "fanout",
    "gaps",
    "latency",
    "outliers",
    "overlaps",
    "pair",
    "rate",
    "readable",
    "summary",
    "where",
]


def __dir__() -> list[str]:
    return __all__
