"""The planner's own yardstick: goals in many voices, what a good answer to each is, and how many get one.

    CUGA_TEST_DATA=... python -m tests.unit.planning.yardstick [--show]

Figures are given for the shipped tools, for the wider catalogue, and for the catalogue without its keywords, where
only names and purposes speak. `--show` prints what is wrong with the tuned goals; those held out are never shown.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace
from tests.unit.planning.catalogue import contracts, maven, rulebook

from cuga.errors import PlanInvalid
from cuga.model.plan import Step
from cuga.packs.sales.pack import TOOLS
from cuga.planning import Proposal, Question, RulePlanner, check
from cuga.policy.profile import Rulebook
from cuga.tools.declare import contract_of

NOW = datetime(2017, 12, 31, tzinfo=UTC)
ALWAYS_MAY = {"query_crm", "normalize_account_record", "explain_recommendation"}
_SHORT = """
    score=score_account_fit draft=draft_outbound_message quality=assess_message_quality send=send_message
    compliance=check_outreach_compliance signals=retrieve_account_signals dm=identify_decision_makers
    brief=build_account_brief enrich=enrich_account rank=prioritize_accounts norm=normalize_account_record
    dupes=find_duplicate_records icp=calibrate_icp know=retrieve_product_knowledge match=match_products
    battle=build_battlecard collat=recommend_collateral object=handle_objection cadence=plan_cadence
    sched=schedule_engagement_touchpoint tmpl=manage_template_library reply=classify_reply log=log_activity
    qual=qualify_opportunity evid=extract_deal_evidence risk=assess_deal_risk next=recommend_next_action
    hyg=check_stage_hygiene map=build_mutual_action_plan meet=prepare_meeting_brief quote=review_quote
    update=update_opportunity crm=query_crm dq=audit_data_quality pipe=analyze_pipeline fcst=forecast_revenue
    winloss=analyze_win_loss_patterns personas=extract_buyer_personas reps=compare_rep_performance
    results=analyze_outreach_results explain=explain_recommendation replay=replay_run audit=export_audit_report
    sim=simulate_territory_change cover=assess_capacity_coverage balance=balance_territories
    white=identify_white_space quota=plan_quota_capacity route=route_lead apply=apply_territory_change
"""
SHORT = dict(pair.split("=") for pair in _SHORT.split())


class Wanted(NamedTuple):
    """A goal and what a good answer to it is."""

    goal: str
    sequences: tuple[tuple[str, ...], ...]
    outcomes: frozenset[str]
    slots: tuple[str, ...]
    may: frozenset[str]
    never: frozenset[str]
    gated: frozenset[str]
    when: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, int], ...]
    most: int


def wanted(name: str) -> list[Wanted]:
    """The goals of a file beside this one."""
    text = (Path(__file__).parent / "goals" / f"{name}.txt").read_text("utf-8")
    return [_wanted(line) for line in text.splitlines() if line and not line.startswith("#")]


def _wanted(line: str) -> Wanted:
    goal, tools, more = [*(part.strip() for part in line.split("||")), ""][:3]
    said: dict[str, list[str]] = {}
    for part in filter(None, (part.strip() for part in more.split(";"))):
        key, _, values = part.partition("=")
        said[key] = [value.strip() for value in values.split(",") if value.strip()]
    pairs = {key: [tuple(one.split(":")) for one in said.get(key, [])] for key in ("w", "n")}
    return Wanted(
        goal.replace("\\n", "\n"),
        tuple(_sequences(tools)),
        frozenset(said.get("o", ["plan"])),
        tuple(said.get("s", [])),
        *(frozenset(SHORT[tool] for tool in said.get(key, [])) for key in ("may", "never", "gated")),
        tuple((SHORT[tool], number) for tool, number in pairs["w"]),
        tuple((SHORT[tool], int(number)) for tool, number in pairs["n"]),
        int(said.get("max", ["0"])[0]),
    )


def _sequences(tools: str) -> Iterator[tuple[str, ...]]:
    for one in (part.strip() for part in tools.split("|")):
        if one in ("", "-", "ask"):
            yield ()
            continue
        groups = [
            list(itertools.permutations(part.strip(" []").split())) if "[" in part else [(part.strip(),)]
            for part in one.split(">")
        ]
        for chosen in itertools.product(*groups):
            yield tuple(SHORT[tool] for group in chosen for tool in group)


def faults(want: Wanted, outcome: str, steps: tuple[Step, ...]) -> tuple[list[str], list[str]]:
    """What is wrong: with the tools and the outcome, and with inputs, conditions and counts."""
    tools = [step.tool for step in steps]
    wrong = [] if outcome in want.outcomes else [f"outcome {outcome}"]
    if outcome != "plan":
        return wrong, []
    if not any(_is_sequence(tools, one, want.may) for one in want.sequences):
        wrong.append("sequence " + " > ".join(dict.fromkeys(tools)))
    wrong += [f"forbidden {tool}" for tool in tools if tool in want.never]
    wrong += [f"not gated {s.tool}" for s in steps if s.tool in want.gated and s.side_effect.value != "execute"]
    inputs = [msgspec.json.decode(bytes(step.input)) for step in steps]
    text = "\n".join(said for said in _texts(inputs) if want.goal.casefold() not in said)
    missing = [f"slot {value}" for value in want.slots if value.casefold() not in text]
    held = {(step.tool, step.when.expr) for step in steps if step.when is not None}
    missing += [
        f"condition on {tool}"
        for tool, number in want.when
        if not any(tool == other and number in expr for other, expr in held)
    ]
    missing += [f"{tools.count(tool)} x {tool}" for tool, times in want.times if tools.count(tool) != times]
    missing += [f"{len(tools)} calls"] if want.most and len(tools) > want.most else []
    return wrong, missing


def _is_sequence(tools: list[str], one: tuple[str, ...], may: frozenset[str]) -> bool:
    kept = [tool for tool in tools if tool in one or tool not in ALWAYS_MAY | may]
    folded = tuple(tool for tool, _ in itertools.groupby(kept))
    chains = tuple(dict.fromkeys(kept)) == one and len(one) > 1 and len(kept) % len(one) == 0
    return folded == one or chains


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield str(value).casefold()


def judged(want: Wanted, planner: RulePlanner, book: Rulebook) -> tuple[list[str], list[str]]:
    """What is wrong with the answer to one goal."""
    answer = planner.plan(want.goal, book, as_of=NOW)
    if not isinstance(answer, Proposal):
        return faults(want, "ask" if isinstance(answer, Question) else "refuse", ())
    try:
        return faults(want, "plan", check(answer.plan, book).steps)
    except PlanInvalid as error:
        return [str(error)], []


@cache
def books() -> dict[str, Rulebook]:
    """The shipped tools in the places of the catalogue's, the catalogue, and the catalogue without its keywords."""
    known = contracts()
    shipped = {contract.name: contract for contract in map(contract_of, TOOLS)}
    bare = {name: replace(contract, keywords=()) for name, contract in known.items()}
    return {"shipped": rulebook({**known, **shipped}), "catalogue": rulebook(known), "bare": rulebook(bare)}


def right(name: str, book: str) -> tuple[int, int, int]:
    """How many goals of a file pass in all, have the right tools and outcome, and there are."""
    planner, goals = RulePlanner(maven()), wanted(name)
    found = [judged(want, planner, books()[book]) for want in goals]
    return sum(not (wrong or missing) for wrong, missing in found), sum(not wrong for wrong, _ in found), len(goals)


def main() -> None:
    """Print the figures."""
    for name, book in itertools.product(("tuned", "held_out"), books()):
        passed, tools, count = right(name, book)
        print(f"{name:9} {book:10} right tools and outcome {tools}/{count}, and all else too {passed}/{count}")
    if "--show" in sys.argv:
        planner = RulePlanner(maven())
        for want in wanted("tuned"):
            wrong, missing = judged(want, planner, books()["shipped"])
            if wrong or missing:
                print(f"{want.goal!r}: {'; '.join([*wrong, *missing])}")


if __name__ == "__main__":
    main()
