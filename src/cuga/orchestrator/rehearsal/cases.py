"""Policy cases: what the rules should say of a call, as data that lies beside the registry and is checked like code.

A file is a list under `cases`. Each names a tool, the profile, and what it expects: allowed, asks or refused; the
arguments, a piece of the reason, the number of people and their roles may be said too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from cuga.errors import BadInput, CugaError
from cuga.model.value import Value
from cuga.orchestrator.rehearsal.stage import Stage
from cuga.orchestrator.rehearsal.what_if import judged
from cuga.policy.strict import Node, parse

_WHEN = datetime(2000, 1, 1, tzinfo=UTC)  # standing rules belong to a house, not to a registry: no time matters


class Case(Value, frozen=True, kw_only=True):
    """One case."""

    tool: str
    expect: Literal["allowed", "asks", "refused"]
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
    """The cases of a file; `BadInput` with every mistake and its line."""
    root, mistakes = parse(text)
    faults = [str(mistake) for mistake in mistakes]
    listed: list[Node] = []
    if root is not None and not faults:
        inner = root.value.get("cases") if isinstance(root.value, dict) else None
        if inner is None or not isinstance(inner.value, list) or not inner.value or set(root.value) != {"cases"}:
            faults.append("line 1: a file of cases has one key, `cases`, with a list that is not empty")
        else:
            listed = inner.value
    found = []
    for node in listed:
        try:
            found.append(msgspec.convert({**_plain(node), "line": node.line}, Case))
        except (msgspec.ValidationError, TypeError) as error:
            faults.append(f"line {node.line}: {error}")
    if faults or not found:
        mend = "A case: {tool: send_message, profile: smb, expect: asks}; expect is allowed, asks or refused."
        raise BadInput(f"{source}: " + "; ".join(faults or ["there is no case"]), mend=mend)
    return found


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
