"""Frames made by Hypothesis for the analyses."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from kit.frames._schema import CATEGORIES, DTYPES

MARKERS = ["a", "b", "c"]
STAMPS = st.integers(0, 30) | st.integers(2**40, 2**40 + 30)
DURS = st.integers(0, 15) | st.integers(0, 2**60) | st.none()


def category(values, categories=MARKERS):
    return pd.Categorical(values, categories=pd.Index(categories, dtype=CATEGORIES))


def make(rows, *, nullable=True, keys=("key",)):
    """An events frame of rows (ts, dur, marker, tid, *keys)."""
    rows = sorted(rows, key=lambda row: row[0])
    columns = list(zip(*rows, strict=True)) or [()] * (4 + len(keys))
    frame = pd.DataFrame({"ts": np.array(columns[0], np.int64)})
    frame["dur"] = pd.array(columns[1], dtype="Int64" if nullable else "int64")
    frame["marker"] = category(columns[2])
    frame["tid"] = np.array(columns[3], np.int64)
    frame["seq"] = np.arange(len(rows))
    for name, values in zip(keys, columns[4:], strict=True):
        frame[name] = pd.array(values, dtype=DTYPES["str" if name == "text" else "int"])
    frame.attrs = {"wall": 5, "host": "host"}
    return frame


@st.composite
def frames(draw, *, durs=DURS, stamps=STAMPS, max_size=12):
    rows = draw(
        st.lists(
            st.tuples(
                stamps,
                durs,
                st.sampled_from(MARKERS),
                st.integers(1, 2),
                st.integers(0, 2) | st.none(),
                st.sampled_from(["x", "y"]) | st.none(),
            ),
            max_size=max_size,
        )
    )
    return make(rows, keys=("key", "text"))


def rows_of(frame):
    """Rows as dictionaries; None where missing."""
    gone = frame.isna().to_numpy()
    return [
        {name: None if gone[i, k] else row[name] for k, name in enumerate(frame.columns)}
        for i, row in enumerate(frame.astype(object).to_dict("records"))
    ]


def dtypes(frame):
    return frame.dtypes.astype(str).to_dict()
