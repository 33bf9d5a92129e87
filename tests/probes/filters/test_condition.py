"""Conditions: what they mean, what they refuse, and that they can do nothing but look."""

import ast
import enum
import itertools
import operator
from decimal import Decimal
from pathlib import PurePath

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kit
from kit.errors import ConditionError
from kit.probes.filters.condition import Condition
from kit.probes.filters.condition._parse import LONGEST

FIELDS = ("qty", "px", "sym")


def met(text, *values):
    """Evaluate a condition, as a connection does: what raises is not met."""
    try:
        return Condition(text).function(FIELDS)(values)
    except Exception:
        return "failed"


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("px > 10 and sym == 'ACME'", True),
        ("px > 10 and sym == 'acme'", False),
        ("px > 100 or sym == 'ACME'", True),
        ("not px > 100", True),
        ("not not px > 100", False),
        ("not not not px > 100", True),
        ("10 < px < 12", True),
        ("10 < px < 11 < qty", False),
        ("qty == 100", True),
        ("qty * px == 1150", True),
        ("qty - 1 - 1 == 98", True),
        ("2 ** 3 ** 2 == 512", True),
        ("-qty ** 2 == -10000", True),
        ("2 ** -1 == 0.5", True),
        ("--qty == qty", True),
        ("7 // 2 == 3 and -7 // 2 == -4 and 7 % 4 == 3 and 7 / 2 == 3.5", True),
        ("qty % 3 == 1", True),
        ("sym in ('ACME', 'OTHER')", True),
        ("sym not in ['ACME', 'OTHER']", False),
        ("sym in ()", False),
        ("qty in (1, 50 + 50,)", True),
        ("'CM' in sym", True),
        ("sym in ('ACMEX')", True),  # a text in parentheses, as in Python
        ("sym like 'AC*'", True),
        ("sym like 'AC'", False),
        ("sym like '?C[A-M]E'", True),
        ("sym like 'ac*'", False),
        ("sym not like 'AC*'", False),
        ("sym + '!' == 'ACME!'", True),
        ("sym < 'B'", True),
        ("'A' < sym < 'B'", True),
        ('sym == "ACME"', True),
        (r"sym == '\x41\u0043ME'", True),
        ("True", True),
        ("False or qty", True),
        ("qty - 100", False),
        ("px == 11.5e0 and qty == 0x64 and qty == 1_0_0", True),
        ("(px > 10) == (qty > 10)", True),
        ("(px > 10 or sym) == True", True),
        ("sym is None", False),
        ("1 is None", False),
        ("-1.5 is not None", True),
        ("2 ** 3 is None or 1 + 2 is not None", True),
        ("not 'a' is None", True),
        ("sym is not None", True),
        ("(((((px))))) > 10", True),
    ],
)
def test_what_a_condition_means(text: str, yes: bool) -> None:
    assert met(text, 100, 11.5, "ACME") is yes


@pytest.mark.parametrize(
    ("text", "ns"),
    [("1 ns", 1), ("10 us", 10_000), ("10 µs", 10_000), ("1.1 ms", 1_100_000), ("2s", 2 * 10**9)],
)
def test_numbers_may_have_a_unit_of_time(text: str, ns: int) -> None:
    assert Condition(f"qty == {text}").function(FIELDS)((ns, None, None))
    assert not Condition(f"qty == {text}").function(FIELDS)((ns + 1, None, None))


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("px > 10", False),
        ("not px > 10", False),
        ("px == 10", False),
        ("px != 10", False),
        ("not px == 10", False),
        ("px", False),
        ("not px", False),
        ("px == px", False),
        ("sym in ('A',)", False),
        ("sym not in ('A',)", False),
        ("not sym in ('A',)", False),
        ("qty in (1, px)", False),
        ("qty in (5, px)", True),
        ("qty not in (1, px)", False),
        ("sym like '*'", False),
        ("sym not like 'x'", False),
        ("'x' in sym", False),
        ("px + 1 > 0", False),
        ("-px < 0", False),
        ("px > 10 or qty == 5", True),
        ("qty == 5 or px > 10", True),
        ("px > 10 and qty == 5", False),
        ("not (px > 10 and qty == 4)", True),
        ("not (px > 10 or qty == 4)", False),
        ("(px > 10) == False", False),
        ("(px > 10 and True) == False", False),
        ("1 < px < 3", False),
        ("not (6 < qty < px)", True),
        ("px is None", True),
        ("px is None and sym is None", True),
        ("px is not None", False),
        ("qty == 5 and px is None", True),
    ],
)
def test_a_missing_value_is_neither_true_nor_false(text: str, yes: bool) -> None:
    assert met(text, 5, None, None) is yes


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("sym < 5", (1, 1.0, "x")),
        ("1 / (qty - 1) > 0", (1, 1.0, "x")),
        ("qty ** qty > 1", (10**9, 1.0, "x")),
        ("sym * qty == 'x'", (10**9, 1.0, "x")),
        ("qty * sym == 'x'", (10**9, 1.0, "x")),
        ("sym % qty == 'x'", (10**9, 1.0, "%d")),
        ("sym * qty == 0", (10**9, 1.0, [0])),
        ("px % sym == 0", (10**9, "%999999999d", 5)),
        ("qty like '5'", (5, 1.0, "x")),
        ("qty in sym", (5, 1.0, "x")),
    ],
)
def test_what_cannot_be_evaluated_is_said_and_takes_no_memory(text: str, values: tuple) -> None:
    assert met(text, *values) == "failed"


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", None, "empty"),
        ("   ", None, "empty"),
        ("px >", 4, "missing here"),
        ("px > 10 and", 11, "missing here"),
        ("px = 3", 3, "=="),
        ("px > 3 && qty", 7, "and"),
        ("px > 3 || qty", 7, "or"),
        ("!px", 0, "not !"),
        ("px <> 3", 3, "!="),
        ("px ! 3", 3, "!="),
        ("px 3", 3, "does not fit"),
        ("px is 3", 6, "is None"),
        ("px == None", 6, "is None"),
        ("(px > 3", 0, "not closed"),
        ("px > 3)", 6, "does not fit"),
        ("px in 3, 4", 7, "does not fit"),
        ("px == (1, 2)", 8, "after 'in'"),
        ("px == [1]", 6, "after 'in'"),
        ("sym == 'ACME", 7, "no end"),
        ("sym == 'A\nB'", 7, "no end"),
        (r"sym == '\q'", 8, "backslash"),
        (r"sym == '\U00110000'", 8, "not a character"),
        ("sym like 3", 9, "quotes"),
        ("sym like qty", 9, "quotes"),
        ("sym like", 4, "quotes"),
        ("px > 10 parsecs", 8, "does not fit"),
        ("px > 10ks", 7, "unit"),
        ("px > 1e999", 5, "too large"),
        ("px > 1__0", 5, "not a number"),
        ("px > 3 €", 7, "cannot be part"),
        ("px if px else 3", 3, "and, or"),
        ("px > -'x'", 5, "no sign"),
        ("1 / 0 > px", 2, "division by zero"),
        ("(-8) ** 0.5 == px", 5, "not a real number"),
        # What would take the memory or the time of the program.
        ("9**9**9 > px", 1, "too large"),
        ("'a' * 10**9 == sym", 4, "numbers"),
        ("10**9 * 'a' == sym", 6, "numbers"),
        ("'%999999999d' % 5 == sym", 14, "numbers"),
        # What would break out.
        ("__import__('os').system('true')", 10, "call"),
        ("px.__class__", 2, "look into"),
        ("sym.upper() == 'A'", 3, "look into"),
        ("''.join == 3", 2, "look into"),
        ("px[0]", 2, "part"),
        ("'abc'[0] == sym", 5, "part"),
        ("(px)(3)", 4, "call"),
        ("[x for x in px]", 0, "after 'in'"),
        ("px in [x for x in px]", 9, "does not fit"),
        ("lambda: px", 0, "lambda"),
        ("px := 3", 3, "does not fit"),
        ("px; import os", 2, "does not fit"),
        ("{px}", 0, "{"),
        ("f'{px}' == 'x'", 1, "does not fit"),
        ("px @ 3", 3, "does not fit"),
        ("~px", 0, "~"),
        ("*px", 0, "*"),
        ("await px", 6, "does not fit"),
    ],
)
def test_an_error_points_into_the_text(text: str, at: int | None, says: str) -> None:
    with pytest.raises(ConditionError) as raised:
        Condition(text)
    error = raised.value
    assert says in error.why
    if at is not None:
        assert error.position == at
        *_, shown, caret = str(error).split("\n")
        assert caret.index("^") - 4 == at
        assert shown[4:] == "".join(c if c.isprintable() else " " for c in text.rstrip())


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1000,
        "(" * 500 + "px" + ")" * 500,
        "px" + " ** 2" * 300,
        "px" + " + 1" * 400 + " > 3",
        "px" + " * 1" * 400 + " > 3",
        "1 > px or " * 5000 + "px",
    ],
)
def test_what_is_too_long_or_too_deep_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        Condition(text)


def test_what_is_long_and_flat_is_understood() -> None:
    alternatives = " or ".join(f"qty == {n}" for n in range(130))
    assert len(alternatives) <= LONGEST
    assert met(alternatives, 129, 1.0, "") is True
    assert met("not " * 400 + "qty == 1", 1, 1.0, "") is True
    assert met("-" * 400 + "qty == 1", 1, 1.0, "") is True
    assert met("qty in (" + "1, " * 600 + ")", 1, 1.0, "") is True


def test_an_unknown_name_is_shown_with_the_nearest_and_the_known_ones() -> None:
    fill = kit.marker("conditions.fill", qty=int, price=float)
    with pytest.raises(ConditionError) as raised:
        fill.connect(print, when="qty > 1 and pirce > 2")
    assert raised.value.position == 12
    assert "'price'" in str(raised.value)
    assert "known are: qty, price" in str(raised.value)
    assert fill.fanout == 0


def test_an_error_survives_being_pickled() -> None:
    import pickle

    with pytest.raises(ConditionError) as raised:
        Condition("px >")
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.position) == (str(raised.value), 4)


# Against Python itself, and against the rows of a frame.

numbers = st.one_of(
    st.integers(-5, 5), st.floats(-5, 5, allow_nan=False).map(lambda x: round(x, 1))
)
leaves = st.one_of(
    st.sampled_from(["qty", "px"]), numbers.map(lambda x: f"({x})" if x < 0 else str(x))
)
sums = st.recursive(
    leaves,
    lambda inner: st.builds(
        "({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner
    ),
    max_leaves=4,
)
compared = st.one_of(
    st.builds("{} {} {}".format, sums, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), sums),
    st.builds("{} < {} <= {}".format, sums, sums, sums),
    st.builds("sym {} '{}'".format, st.sampled_from(["==", "!=", "<"]), st.sampled_from("abc")),
    st.builds("sym {} ('a', 'b')".format, st.sampled_from(["in", "not in"])),
    st.builds("{} in ({}, 1, {})".format, sums, sums, sums),
)
texts = st.recursive(
    compared,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("not ({})".format, inner),
        st.builds("({}) == ({})".format, inner, inner),
    ),
    max_leaves=6,
)
rows = st.tuples(
    st.integers(-5, 5),
    st.floats(-5, 5, allow_nan=False).map(lambda x: round(x, 1)),
    st.sampled_from("abc"),
)


def in_python(text: str, values: tuple) -> object:
    try:
        return bool(eval(compile(text, "", "eval"), {}, dict(zip(FIELDS, values, strict=True))))
    except ArithmeticError:
        return "failed"


def constants_alone(error: ConditionError) -> None:
    """What Python finds out when it runs is found out when it is connected."""
    assert "cannot be computed" in error.why


@settings(max_examples=300, deadline=None)
@given(texts, rows)
def test_it_means_what_python_means(text: str, values: tuple) -> None:
    try:
        Condition(text)
    except ConditionError as error:
        constants_alone(error)
        return
    assert met(text, *values) == in_python(text, values)


OPERATORS = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def unknown(node: ast.expr, scope: dict) -> object:  # noqa: C901 - a grammar in one place
    """Evaluate Python's own syntax tree, None for unknown: written again, by another way."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Name():
            return scope[node.id]
        case ast.UnaryOp(op=ast.Not()):
            value = unknown(node.operand, scope)
            return None if value is None else not value
        case ast.UnaryOp():
            value = unknown(node.operand, scope)
            return None if value is None else -value
        case ast.BinOp():
            pair = unknown(node.left, scope), unknown(node.right, scope)
            return None if None in pair else OPERATORS[type(node.op)](*pair)
        case ast.BoolOp():
            settles = isinstance(node.op, ast.Or)
            found = [unknown(value, scope) for value in node.values]  # noqa: PD011
            if any(value is not None and bool(value) == settles for value in found):
                return settles
            return None if None in found else not settles
        case ast.Compare():
            sides = [node.left, *node.comparators]
            results = []
            for (left, right), how in zip(itertools.pairwise(sides), node.ops, strict=True):
                value = unknown(left, scope)
                if isinstance(how, ast.In | ast.NotIn):
                    items = [unknown(each, scope) for each in right.elts]
                    found = None if value is None else True if value in items else None
                    if found is None and value is not None and None not in items:
                        found = False
                    if found is not None and isinstance(how, ast.NotIn):
                        found = not found
                else:
                    other = unknown(right, scope)
                    found = None if None in (value, other) else OPERATORS[type(how)](value, other)
                results.append(found)
            if False in [each for each in results if each is not None]:
                return False
            return None if None in results else True
    raise AssertionError(node)


gappy = st.tuples(
    *[st.none() | part for part in (st.integers(-5, 5), numbers, st.sampled_from("abc"))]
)


@settings(max_examples=300, deadline=None)
@given(texts, gappy)
def test_where_values_are_missing_it_means_what_sql_means(text: str, values: tuple) -> None:
    tree = ast.parse(text, mode="eval").body
    try:
        expected = bool(unknown(tree, dict(zip(FIELDS, values, strict=True))))
    except ArithmeticError:
        return  # which side of `or` is looked at first is another matter
    try:
        assert met(text, *values) == expected
    except ConditionError as error:
        constants_alone(error)


@settings(max_examples=60, deadline=None)
@given(texts, st.lists(gappy, min_size=1, max_size=8))
def test_the_same_text_selects_the_same_rows_of_a_frame(text: str, events: list) -> None:
    fill = kit.marker("conditions.rows", qty=int, px=float, sym=str)
    kept = []
    try:
        connection = fill.connect(lambda *values: kept.append(values), when=text)
    except ConditionError:
        return
    with connection, kit.record("conditions.rows") as recorder:
        for values in events:
            fill(*values)
    frame = recorder.frame("conditions.rows")
    chosen = frame.kit.where(text)
    assert len(chosen) == len(kept)
    assert [None if pd.isna(qty) else qty for qty in chosen["qty"]] == [row[0] for row in kept]
    assert connection.filtered_by.get("failed", 0) == chosen.attrs.get("unjudged", 0)


def test_a_recorded_nan_is_a_value_and_a_missing_one_is_none() -> None:
    fill = kit.marker("conditions.nan", px=float, side=kit.Label, ok=bool)
    with kit.record("conditions.nan") as recorder:
        fill(float("nan"), "buy", True)
        fill(None, None, None)
        fill(2.5, "sell", False)
    frame = recorder.frame("conditions.nan")
    assert frame.kit.where("px != px").seq.tolist() == [0]
    assert frame.kit.where("px is None").seq.tolist() == [1]
    assert frame.kit.where("not px > 3").seq.tolist() == [0, 2]
    assert frame.kit.where("side == 'sell' and not ok").seq.tolist() == [2]
    assert frame.kit.where("thread like '*' and marker == 'conditions.nan'").seq.tolist() == [
        0,
        1,
        2,
    ]


def test_rows_that_cannot_be_evaluated_are_counted() -> None:
    frame = pd.DataFrame({"px": [0.0, 1.0, 2.0], "sym": ["a", "b", "c"]})
    chosen = frame.kit.where("1 / px > 0.6")
    assert (chosen["px"].tolist(), chosen.attrs["unjudged"]) == ([1.0], 1)
    with pytest.raises(ConditionError, match="did you mean 'px'"):
        frame.kit.where("pxx > 3")


def test_a_span_has_a_duration_and_an_error() -> None:
    query = kit.span("conditions.query", sql=str)
    seen = []
    with (
        query.connect(lambda *values: seen.append("never"), when="dur > 9999 s"),
        query.connect(lambda *values: seen.append("failed"), when="error == 'KeyError'"),
        query.connect(lambda *values: seen.append("fine"), when="error is None and dur >= 0 ns"),
    ):
        with query("select"):
            pass
        with pytest.raises(KeyError), query("select"):
            raise KeyError
    assert seen == ["fine", "failed"]


def test_fields_with_the_name_of_a_common_column() -> None:
    odd = kit.span("conditions.odd", ts=int, dur=int, marker=str)
    seen = []
    with (
        odd.connect(lambda *values: seen.append(1), when="ts == 7 and ts_ == 7"),
        odd.connect(lambda *values: seen.append(2), when="0 <= dur < 9999 s and dur_ == -8"),
        odd.connect(lambda *values: seen.append(3), when="marker == 'x' and marker_ == 'x'"),
        kit.record("conditions.odd") as recorder,
    ):
        with odd(7, -8, "x"):
            pass
    assert seen == [1, 2, 3]
    frame = recorder.frame("conditions.odd")
    assert len(frame.kit.where("ts_ == 7 and dur >= 0 and dur_ == -8 and marker_ == 'x'")) == 1


class Side(enum.Enum):
    BUY = 1
    SELL = 2


@pytest.mark.parametrize(
    ("when", "met"),
    [
        ("side == 'BUY'", [0, 2]),
        ("side in ('SELL', 'NONE')", [1]),
        ("path like 'a*'", [0, 2]),
        ("px == 0.1", [0, 2]),
        ("flag", [0, 2]),
        ("side == 'BUY' and path like 'a*'", [0, 2]),
    ],
)
def test_a_condition_sees_what_is_recorded(when, met):
    """Seen to fail when a condition is evaluated on values as a site passes them."""
    m = kit.marker("conditions.recorded", side=kit.Label, path=str, px=float, flag=bool, n=int)
    with kit.record(m.name, when=when) as recorder:
        m(Side.BUY, PurePath("a/b"), Decimal("0.1"), 1, 0)
        m(Side.SELL, PurePath("b/a"), Decimal("0.5"), 0.0, 1)
        m("BUY", "a/b", 0.1, True, 2)
        m(None, None, None, None, 3)
    assert recorder.frame()["n"].tolist() == met
