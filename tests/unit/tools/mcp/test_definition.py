"""The class of a server's tool: hints may raise it, and lower it only for a server that is trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import ToolInvalid
from cuga.model.tool import Repeatable, SideEffect
from cuga.policy.outside import McpServer, Said
from cuga.tools.mcp import contract_for, judged
from cuga.tools.mcp.definition import Definition, definition_of, definitions_of

R, P, E = SideEffect.READ_ONLY, SideEffect.PROPOSE, SideEffect.EXECUTE
SCHEMA = {"type": "object"}
RANK = [R, P, E]


def defined(**hints: bool) -> Definition:
    return definition_of({"name": "t", "inputSchema": SCHEMA, "annotations": hints})


def server(trust: bool = False, said: Said | None = None, **others: object) -> McpServer:
    return McpServer(name="s", command=("x",), domain="d", trust=trust, tools={"t": said} if said else {}, **others)


# the table of annotations: readOnly, destructive, idempotent, openWorld -> class, may be repeated, destroys
TABLE = [
    ({"readOnlyHint": True, "openWorldHint": False}, R, Repeatable.NONE, False),
    ({"readOnlyHint": True, "openWorldHint": True}, R, Repeatable.NONE, False),
    ({"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True}, E, Repeatable.KEY, False),
    ({"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False}, E, Repeatable.NONE, False),
    ({"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True}, E, Repeatable.KEY, True),
    ({"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False}, E, Repeatable.NONE, True),
    ({}, E, Repeatable.NONE, True),
]


@pytest.mark.parametrize(("hints", "side_effect", "repeatable", "destroys"), TABLE)
def test_the_hints_of_a_trusted_server_count_as_the_table_says(hints, side_effect, repeatable, destroys):
    how = judged(defined(**hints), server(trust=True))
    assert (how.side_effect, how.repeatable, how.destroys) == (side_effect, repeatable, destroys)


@pytest.mark.parametrize("hints", [row[0] for row in TABLE])
def test_nothing_that_a_server_says_of_itself_lowers_what_nobody_trusts(hints):
    how = judged(defined(**hints), server())
    assert (how.side_effect, how.repeatable) == (E, Repeatable.NONE)


@pytest.mark.parametrize(
    ("said", "hints", "side_effect"),
    [
        (R, {}, R),
        (R, {"readOnlyHint": True}, R),
        (R, {"readOnlyHint": False}, E),
        (R, {"destructiveHint": True}, E),
        (R, {"readOnlyHint": True, "destructiveHint": True}, R),
        (P, {"readOnlyHint": False, "destructiveHint": False}, P),
        (P, {"destructiveHint": True}, E),
        (E, {"readOnlyHint": True}, E),
    ],
)
@pytest.mark.parametrize("trust", [True, False])
def test_the_registrys_word_counts_unless_the_server_itself_says_worse(said, hints, side_effect, trust):
    assert judged(defined(**hints), server(trust, Said(side_effect=said))).side_effect is side_effect


def test_the_registry_may_say_that_a_tool_can_be_repeated_and_the_server_that_it_cannot():
    assert judged(defined(), server(said=Said(idempotent=True))).repeatable is Repeatable.KEY
    assert judged(defined(idempotentHint=False), server(said=Said(idempotent=True))).repeatable is Repeatable.NONE
    assert judged(defined(idempotentHint=True), server(True, Said(idempotent=False))).repeatable is Repeatable.NONE


HINTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.booleans()
        for name, *_ in [("readOnlyHint",), ("destructiveHint",), ("idempotentHint",), ("openWorldHint",)]
    },
)
WORDS = st.one_of(st.none(), st.builds(Said, side_effect=st.sampled_from([None, R, P, E])))


@given(HINTS, WORDS, st.booleans())
def test_trust_only_ever_lowers_and_hints_of_the_untrusted_only_ever_raise(hints, said, trust):
    with_hints = judged(defined(**hints), server(trust, said)).side_effect
    without = judged(defined(), server(trust, said)).side_effect
    if not trust:
        assert RANK.index(with_hints) >= RANK.index(without)
    assert (with_hints is P) <= (said is not None and said.side_effect is P), "propose is only an operator's word"


def test_hints_that_are_no_flags_count_as_absent():
    definition = definition_of({"name": "t", "inputSchema": SCHEMA, "annotations": {"readOnlyHint": "true"}})
    assert judged(definition, server(trust=True)).side_effect is E


BASE = {
    "name": "t",
    "title": "T",
    "description": "d",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "string"}}},
    "outputSchema": {"type": "object"},
    "annotations": {"readOnlyHint": True},
    "execution": {"taskSupport": "optional"},
}


@pytest.mark.parametrize("field", [key for key in BASE if key != "name"])
def test_every_field_that_counts_is_in_the_digest_and_so_in_the_contract(field):
    whole = definition_of(BASE)
    changed = definition_of({**BASE, field: {"type": "object", "x": 1} if isinstance(BASE[field], dict) else "other"})
    without = definition_of({key: value for key, value in BASE.items() if key != field})
    assert len({one.digest("here") for one in (whole, changed, without)}) == 3
    if field != "inputSchema":
        assert len({contract_for(one, server()).digest() for one in (whole, changed, without)}) == 3


def test_where_a_tool_comes_from_is_in_its_digest():
    here, there = server(), McpServer(name="s", url="https://x.example/mcp", domain="d")
    assert contract_for(definition_of(BASE), here).digest() != contract_for(definition_of(BASE), there).digest()


def test_icons_and_remarks_do_not_count():
    assert definition_of({**BASE, "icons": [{"src": "x"}], "_meta": {"a": 1}}) == definition_of(BASE)


@pytest.mark.parametrize(
    "said",
    [{}, {"name": ""}, {"name": 5}, {"name": "t", "description": "\ud800"}, {"name": "t", "description": "x" * 70_000}],
)
def test_a_definition_that_cannot_be_pinned_is_refused(said):
    with pytest.raises(ToolInvalid):
        definition_of(said)


def test_a_list_may_have_500_tools_of_different_names():
    assert len(definitions_of([{"name": f"t{n}"} for n in range(500)])) == 500
    for listed in ([{"name": f"t{n}"} for n in range(501)], [{"name": "t"}, {"name": "t"}]):
        with pytest.raises(ToolInvalid):
            definitions_of(listed)
