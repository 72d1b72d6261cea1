"""Policy cases: what the rules should say of a call, as data that lies beside the registry and is checked like code.

A file is a list under `cases`. Each names a tool, the profile, and what it expects: allowed, asks or refused; the
arguments, a piece of the reason, the number of people and their roles may be said too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, cast, get_args

from cuga.errors import BadInput, CugaError
from cuga.model.value import Value
from cuga.orchestrator.rehearsal.stage import Stage
from cuga.orchestrator.rehearsal.what_if import judged
from cuga.policy.fields import Fields
from cuga.policy.strict import Node, Place, parse

Expected = Literal["allowed", "asks", "refused"]
_KEYS = ("tool", "expect", "profile", "name", "input", "because", "quorum", "roles")
_MEND = (
    "A file of cases is `cases:` and a list of them, each like {tool: send_message, profile: smb, expect: asks}; "
    "expect is allowed, asks or refused. "
    "name, input, because, quorum and roles may be said too."
)
_WHEN = datetime(2000, 1, 1, tzinfo=UTC)  # standing rules belong to a house, not to a registry: no time matters


class Case(Value, frozen=True, kw_only=True):
    """One case."""

    tool: str
    expect: Expected
    profile: str = ""  # empty: the default of the registry
    name: str = ""
    input: dict[str, Any] | None = None  # absent: the tool alone is judged
    because: str = ""  # a piece of the reasons
    quorum: int | None = None
    roles: tuple[str, ...] | None = None
    line: int = 0  # where it stands


class Outcome(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What became of a case. `wrong` says in which ways it is not as expected; empty: it holds."""

    case: Case
    verdict: str
    reasons: tuple[str, ...]
    wrong: tuple[str, ...]


def read_cases(text: str, source: str) -> list[Case]:
    """The cases of a file; `BadInput` with every mistake of every case and its place."""
    root, mistakes = parse(text)
    fields = Fields(mistakes, source)
    found: tuple[Case, ...] | None = None
    if root is None and not mistakes:
        fields.wrong(Place(line=1, column=1, where=""), "", "the file is empty")
    elif root is not None:
        listed = fields.mapping(root, "", ("cases",), ("cases",)).get("cases")
        found = fields.each(listed, "cases", partial(_case, fields))
        if listed is not None and listed.value == []:
            fields.wrong(listed, "cases", "there is no case")
    if fields.mistakes:
        told, all_of_them = fields.told()
        raise BadInput(told, mistakes=all_of_them, mend=_MEND)
    return list(found or ())


def _case(fields: Fields, node: Node, where: str) -> Case | None:
    said = fields.mapping(node, where, _KEYS, ("tool", "expect"))
    words = {key: fields.text(said.get(key), f"{where}.{key}") for key in ("tool", "profile", "name", "because")}
    expect = fields.choice(said.get("expect"), f"{where}.expect", get_args(Expected))
    quorum = fields.whole(said.get("quorum"), f"{where}.quorum")
    roles = fields.names(said.get("roles"), f"{where}.roles")
    given = said.get("input")
    if given is not None and not isinstance(given.value, dict):
        fields.wrong(given, f"{where}.input", f"expected a mapping of the arguments, got {given.kind}")
    if fields.mistakes:
        return None
    return Case(
        tool=words["tool"] or "",
        expect=cast("Expected", expect),
        profile=words["profile"] or "",
        name=words["name"] or "",
        input=None if given is None else _plain(given),
        because=words["because"] or "",
        quorum=quorum,
        roles=roles,
        line=node.line,
    )


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(value) for value in node.value]
    return node.value


def rehearse(stage: Stage, cases: Sequence[Case]) -> list[Outcome]:
    """Each case held against the rules."""
    return [_tried(stage, case) for case in cases]


def _tried(stage: Stage, case: Case) -> Outcome:
    verdict, quorum, roles = "refused", 0, tuple[str, ...]()
    try:
        said = judged(stage.rules(case.profile), stage.current, _WHEN, case.tool, case.input)
    except CugaError as error:  # no such tool or profile: the rules refuse such a call, and say so
        reasons: tuple[str, ...] = (error.message,)
    else:
        verdict, reasons, quorum, roles = said.verdict, (*said.reasons, *said.faults), said.quorum, said.roles
    wrong = [] if verdict == case.expect else [f"expected {case.expect}, it is {verdict}"]
    if case.because and not any(case.because.casefold() in reason.casefold() for reason in reasons):
        wrong.append(f"no reason says {case.because!r}")
    if case.quorum is not None and case.quorum != quorum:
        wrong.append(f"expected {case.quorum} to agree, it takes {quorum}")
    if case.roles is not None and set(case.roles) != set(roles):
        wrong.append(f"expected {', '.join(case.roles)} to decide, it is {', '.join(roles)}")
    return Outcome(case=case, verdict=verdict, reasons=reasons, wrong=tuple(wrong))
