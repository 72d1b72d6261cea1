"""A condition is true or false; anything else is an error and never counts as either."""

import time

import pytest

from cuga.policy import condition
from cuga.policy.condition import ConditionError, compile_condition, holds, names_in


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    condition._compile.cache_clear()


@pytest.mark.parametrize(
    ("expression", "bound", "expected"),
    [
        ("fit >= 70", {"fit": 87}, True),
        ("fit >= 70", {"fit": 12}, False),
        ("fit > 3.5", {"fit": 4}, True),
        ("deal.stage == 'open' && size(deal.gaps) > 0", {"deal": {"stage": "open", "gaps": ["budget"]}}, True),
        ("has(deal.buyer) && deal.buyer == 'Ada'", {"deal": {}}, False),
        ("buyer == null", {"buyer": None}, True),
        ("passed", {"passed": True}, True),
        ("[1, 2].exists(x, x > fit)", {"fit": 1}, True),
    ],
)
def test_a_condition_holds_or_does_not(expression, bound, expected):
    assert holds(expression, bound) is expected


@pytest.mark.parametrize(
    ("expression", "bound", "why"),
    [
        ("passed", {"passed": "yes"}, "gives STRING"),  # a text is truthy in Python; here it is an error
        ("passed", {"passed": 1}, "gives INT"),
        ("fit > 3", {"fit": "87"}, "overload"),
        ("deal.stage == 'open'", {"deal": {}}, "stage"),
        ("fit > 3", {"fit": 2**70}, "out of range"),
        ("name == ''", {"name": "\ud800"}, "name"),
        ("fit + 1", {"fit": 1}, "gives|overload"),
        ("size(rows)", {"rows": []}, "gives INT"),
        ("rows.all(x, x < 1000000)", {"rows": list(range(20_000))}, "budget"),
        ("(" * 1500 + "a" + ")" * 1500, {"a": True}, "recursion"),
        ("a == '\ud800'", {"a": ""}, "surrogate"),
        ("", {}, "characters"),
        ("a" * 4001, {"a": 1}, "characters"),
    ],
)
def test_anything_but_true_or_false_is_an_error(expression, bound, why):
    with pytest.raises(ConditionError, match=why):
        holds(expression, bound)


@pytest.mark.parametrize(
    ("expression", "line", "column"), [("fit > nope", 1, 7), ("fit >", 1, 6), ("true &&\n 1 + 'a' == fit", 2, 4)]
)
def test_a_mistake_is_named_with_its_column(expression, line, column):
    with pytest.raises(ConditionError) as caught:
        compile_condition(expression, ("fit",))
    assert (caught.value.facts["line"], caught.value.facts["column"]) == (line, column)


def test_an_unbound_name_is_said_together_with_the_bound_ones():
    with pytest.raises(ConditionError, match=r"nope is not bound \(bound: fit, tier\)"):
        compile_condition("nope > 1", ("tier", "fit"))


def test_the_names_a_condition_needs_are_found():
    assert names_in("fit > 3 && deal.stage == 'x' || [1].all(z, z > floor)") == ("fit", "deal", "floor")
    assert names_in("true") == ()
    with pytest.raises(ConditionError):
        names_in("fit >")


def test_the_engine_never_holds_the_process_for_long():
    started = time.perf_counter()
    with pytest.raises(ConditionError):
        holds("a.all(x, a.all(y, x + y >= 0))", {"a": list(range(2500))})
    assert time.perf_counter() - started < 20


def test_a_condition_is_compiled_once():
    assert compile_condition("a && b", ("a", "b")) is compile_condition("a && b", ("b", "a"))
