import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import frames
from kit.errors import FrameError
from kit.frames._layout import layout
from kit.frames._recording import empty
from kit.frames._schema import DTYPES, FRAMES, check, kind_of

from .captures import NAMES, TYPES, capture, formats, info, one

QUERY = info("db.query", is_span=True, sql=str)


@pytest.fixture
def query():
    return frames.events(capture([QUERY], [(1, 0, (5, None, "x")), (3, 0, (6, "OSError", "y"))]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="tid"), r"'tid' is missing; .* as int64"),
        (lambda f: f.drop(columns="error"), r"'error' is missing"),
        (lambda f: f.drop(columns="dur"), r"'dur' is missing"),
        (lambda f: f.astype({"ts": "float64"}), r"'ts' is float64, not int64; .*astype\('int64'\)"),
        (lambda f: f.astype({"dur": "Float64"}), r"'dur' is Float64, not Int64; .*'Int64'"),
        (
            lambda f: f.astype({"marker": "str"}),
            r"'marker' is str, not an unordered category of text; .*'category'",
        ),
        (lambda f: f.astype({"sql": "str"}), r"payload column 'sql' is str; convert it to Int64"),
        (lambda f: f.assign(us=f.ts / 1000), r"payload column 'us' is float64; convert it"),
        (lambda f: f.assign(n=f.ts), r"payload column 'n' is int64"),
        (
            lambda f: f[["dur", "ts", *f.columns[2:]]],
            r"'ts' is not in its place; .*ts, dur, marker",
        ),
        (lambda f: f.rename(columns={"sql": "ts"}), r"'ts' occurs twice"),
        (lambda f: f.rename(columns={"sql": 3}), r"column 3 has no text as its name"),
        (lambda f: f[f.ts > 1], r"index is not 0, 1, 2, .*reset_index\(drop=True\)"),
        (lambda f: f.set_axis(pd.to_datetime(f.ts)), r"the index is not 0, 1, 2"),
        (lambda f: f[::-1].reset_index(drop=True), r"'ts' is not sorted; use frame.sort_values"),
        (lambda f: f["ts"], r"got Series, not a pandas DataFrame"),
        (
            lambda f: f.assign(marker=f["marker"].cat.as_ordered()),
            r"'marker' is category, not an unordered category of text",
        ),
    ],
)
def test_a_wrong_frame_is_refused_by_column_and_with_the_remedy(query, change, message):
    check(query, "events")
    with pytest.raises(FrameError, match=message):
        check(change(query), "events")


def test_remedies_work(query):
    broken = query.astype({"ts": "float64", "tid": "Int64", "error": "str", "marker": "object"})
    for _ in range(9):
        try:
            check(broken, "events")
            break
        except FrameError as error:
            message = str(error)
            remedy = message.split("convert it with ")[1]
            column = remedy.split("'")[1]
            broken[column] = eval(remedy, {"frame": broken})
    assert check(broken, "events")["error"].tolist()[1] == "OSError"


@pytest.mark.parametrize("kind", ["dispatches", "probe_calls", "publications", "markers"])
def test_the_other_frames_have_their_columns_and_no_more(kind):
    frame = empty(kind)
    assert list(frame.columns) == [column.name for column in FRAMES[kind]]
    with pytest.raises(FrameError, match=f"{kind} frame: column 'more' is not part of it; drop it"):
        check(frame.assign(more=frame[frame.columns[0]]), kind)
    for column in frame.columns:
        with pytest.raises(FrameError, match=f"{kind} frame: column '{column}' is missing"):
            check(frame.drop(columns=column), kind)


def test_a_frame_of_several_markers_may_have_no_duration_in_any_row():
    frame = frames.events(capture([info("a")], [(1, 0, ())]))
    assert frame["dur"].isna().all()
    assert check(frame, "events") is frame


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        *((dtype, kind) for kind, dtype in DTYPES.items()),
        (np.dtype("int32"), None),
        (np.dtype("float64"), None),
        (np.dtype("bool"), None),
        (np.dtype("O"), None),
        (pd.StringDtype("python"), None),
        (pd.StringDtype("pyarrow", na_value=np.nan), None),
        (pd.CategoricalDtype([1, 2]), None),
        (pd.CategoricalDtype(["a"]), "label"),
        (pd.CategoricalDtype(["a"], ordered=True), None),
    ],
)
def test_kinds_and_dtypes(dtype, kind):
    assert kind_of(dtype) == kind


def test_each_type_of_field_has_its_kind():
    kinds = {t: kind_of(frames.events(one(t, []), "m")["value"].dtype) for t in TYPES}
    assert list(kinds.values()) == ["int", "float", "bool", "str", "label"]


@given(st.lists(st.tuples(NAMES, formats()), max_size=4), st.sampled_from([(), ("task",)]))
def test_a_layout_gives_every_field_a_column(declared, context):
    laid_out = layout(declared, context)
    common = {"ts", "dur", "marker", "error", "tid", "seq", *context}
    stored = [column.name for column in laid_out.columns(stored=True)]
    assert len(stored) == len(set(stored))
    for name in laid_out.markers:
        shown = [column.name for column in laid_out.columns(name)]
        assert len(shown) == len(set(shown))
        payload = shown[-len(laid_out.markers[name].payload) or len(shown) :]
        assert not common & set(payload)
        latest = [format for of, format in declared if of == name]
        assert len(payload) >= max(len(format.fields) for format in latest)
        assert set(laid_out.markers[name].payload) <= set(stored)
