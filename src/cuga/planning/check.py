"""The plan check: a proposal becomes a plan that a run may hold, or is refused with everything that is wrong with it.

Class, domain, cost and tool digest come from the rulebook and from nowhere else. Pure: same proposal, same answer. It
judges form and wiring; what a run may do, and with whose consent, is judged later and again at every step.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence

import msgspec

from cuga.errors import PlanInvalid
from cuga.kernel.references import MAX_ARGUMENTS
from cuga.model.plan import Budget, CheckedPlan, ForEach, Plan, PlanStep, Reference, Step, When, needs_of_list
from cuga.model.tool import SideEffect, ToolContract
from cuga.model.value import digest, encode
from cuga.planning.inputs import Rewriter, bad_pointer, unstorable
from cuga.planning.keeping import keep
from cuga.planning.listing import item_faults, list_faults
from cuga.planning.schema import arguments_of
from cuga.policy.condition import ConditionError, compile_condition
from cuga.policy.profile import Rulebook

CALL = re.compile(r"#[0-9]+$")
MAX_STEPS = 200  # of a plan


def check(
    plan: Plan,
    rulebook: Rulebook,
    *,
    number: int = 1,
    taken: Collection[str] = (),
    earlier: Sequence[Step] = (),
) -> CheckedPlan:
    """Stamp a proposal from the rulebook, or raise `PlanInvalid` with all problems under `facts["problems"]`.

    `number` counts the plans of the run from 1. `taken` are ids of steps of earlier plans: new steps never get them,
    but may refer to them. A step equal in everything to one of `earlier` keeps that step's id, and so its work and its
    approvals; pass those that may still count (done, calling, waiting).
    """
    return _Check(plan, rulebook, number, taken, earlier).result()


class _Check:
    def __init__(
        self, plan: Plan, rulebook: Rulebook, number: int, taken: Collection[str], earlier: Sequence[Step]
    ) -> None:
        self.plan, self.rulebook, self.number = plan, rulebook, number
        self.earlier = {step.step_id: step for step in earlier}
        self.taken = {*taken, *self.earlier}
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.where: dict[str, int] = {}  # step id -> position
        self.names: dict[str, list[int]] = {}

    def result(self) -> CheckedPlan:
        if not self.plan.steps:
            self.problems.append("the plan has no steps")
        if len(self.plan.steps) > MAX_STEPS:
            self.problems.append(f"the plan has {len(self.plan.steps):,} steps; {MAX_STEPS} is the most")
            raise self.refused()
        if self.number < 1:
            self.problems.append(f"plans are numbered from 1, not {self.number}")
        self.check_texts()
        self.check_budget(self.plan.budget)
        if self.problems and any("cannot be stored" in problem for problem in self.problems):
            raise self.refused()
        self.give_ids()
        steps = tuple(self.stamped(at, step) for at, step in enumerate(self.plan.steps))
        self.check_cycles(steps)
        if self.problems:
            raise self.refused()
        plan_id = self.plan.plan_id or f"plan-{digest([self.plan.goal, self.number, steps])[:16]}"
        return CheckedPlan(
            plan_id=plan_id,
            goal=self.plan.goal,
            number=self.number,
            planner=self.plan.planner,
            steps=keep(steps, self.earlier, {step.step_id for step in self.plan.steps if step.step_id}),
            why=self.plan.why,
            notes=self.plan.notes,
            budget=self.plan.budget,
        )

    def refused(self) -> PlanInvalid:
        shown = self.problems[:20]
        more = [f"and {len(self.problems) - 20} more"] if len(self.problems) > 20 else []
        lines = shown[0] if len(shown) == 1 else "\n  - " + "\n  - ".join(shown + more)
        return PlanInvalid(
            lines, problems=tuple(self.problems), mend="Change what is named and hand the plan in again."
        )

    def check_texts(self) -> None:
        """All that is written down must be text that can be stored."""
        plan = self.plan
        texts = [("goal", plan.goal), ("plan_id", plan.plan_id), ("planner", plan.planner)]
        texts += [("why", text) for text in plan.why] + [("notes", text) for text in plan.notes]
        for at, step in enumerate(plan.steps):
            named = (step.step_id, step.name, step.tool, step.reason, *step.depends_on)
            bound = (step.when.expr, *step.when.bind) if step.when else ()
            texts += [(f"step {at + 1}", text) for text in (*named, *bound)]
        if plan.budget is not None:
            texts += [("budget", text) for text in (*plan.budget.calls_per_domain, *plan.budget.calls_per_tool)]
        odd = dict.fromkeys(where for where, text in texts if unstorable(text))
        self.problems += [f"{where}: text with half a character (a lone surrogate) cannot be stored" for where in odd]

    def check_budget(self, budget: Budget | None) -> None:
        if budget is None:
            return
        stated: dict[str, int | None] = {"calls": budget.calls, "cost": budget.cost, "tokens": budget.tokens}
        stated |= {f"calls of {name}": limit for name, limit in budget.calls_per_domain.items()}
        stated |= {f"calls of {name}": limit for name, limit in budget.calls_per_tool.items()}
        for scope, limit in stated.items():
            if limit is not None and limit >= 2**63:
                self.problems.append(f"the plan's budget for {scope} cannot be stored; leave it out for none")
            if limit is not None and limit < 0:
                self.problems.append(f"the plan's budget for {scope} is {limit}; 0 means none, less is not possible")

    def give_ids(self) -> None:
        given = [step.step_id for step in self.plan.steps if step.step_id]
        for twice in sorted({name for name in given if given.count(name) > 1}):
            self.problems.append(f"step id {twice!r} is given to {given.count(twice)} steps")
        counter, used = 0, {*given, *self.taken}
        for at, step in enumerate(self.plan.steps):
            name = step.step_id
            if name and CALL.search(name):
                self.problems.append(f"{label(at, step)}: ids that end in # and a number are those of a list's calls")
            if name and name in self.taken and not self.same_as_earlier(step):
                self.problems.append(f"{label(at, step)}: id {name!r} belongs to a step of an earlier plan")
            while not name:
                counter += 1
                name = "" if f"s{counter}" in used else f"s{counter}"
            used.add(name)
            self.ids.append(name)
            self.where.setdefault(name, at)
            if step.name:
                self.names.setdefault(step.name, []).append(at)

    def same_as_earlier(self, step: PlanStep) -> bool:
        known = self.earlier.get(step.step_id)
        return known is not None and known.tool == step.tool

    def stamped(self, at: int, step: PlanStep) -> Step:
        here = label(at, step)
        contract = self.contract(here, step.tool)
        each, listed = self.for_each(at, here, step.for_each)
        rewriter = Rewriter(lambda name: self.resolve(at, name, before=True), has_items=step.for_each is not None)
        body, references, faults = rewriter.rewritten(step.input)
        self.problems += [f"{here}: {fault}" for fault in faults]
        if contract is not None and not faults:
            self.problems += [f"{here}: {fault}" for fault in arguments_of(contract).faults(body)]
        raw = msgspec.Raw(b"{}") if faults else msgspec.Raw(encode(body))
        if len(raw) > MAX_ARGUMENTS:
            self.problems.append(f"{here}: the input is {len(raw):,} bytes; {MAX_ARGUMENTS:,} is the most")
        is_sound = each is not None and not any(list_faults(each))
        if contract is not None and not faults and is_sound and each is not None and each.over is None:
            self.problems += [f"{here}: {fault}" for fault in item_faults(raw, each, arguments_of(contract))]
        # in an order that does not hang on how the input was written: it is stored with its keys in order
        references = tuple(sorted({*references, *listed}, key=lambda one: (one.step, one.path)))
        when, needed = self.condition(at, here, step.when)
        depends = [name for asked in step.depends_on if (name := self.dependency(at, here, asked))]
        wired = dict.fromkeys((*depends, *(r.step for r in references), *needed))
        return Step(
            step_id=self.ids[at],
            tool=step.tool,
            tool_digest=contract.digest() if contract else "",
            domain=contract.domain if contract else "",
            side_effect=contract.side_effect if contract else SideEffect.EXECUTE,
            cost=contract.cost if contract else 0,
            input=raw,
            references=references,
            depends_on=tuple(wired),
            when=when,
            required=step.required,
            ask_first=step.ask_first,
            unproven=step.unproven,
            name=step.name,
            reason=step.reason,
            for_each=each,
        )

    def for_each(self, at: int, here: str, each: ForEach | None) -> tuple[ForEach | None, tuple[Reference, ...]]:
        """A list as it enters the run, with the earlier outputs that it needs."""
        if each is None:
            return None, ()
        self.problems += [f"{here}: {fault}" for fault in list_faults(each)]
        over = each.over
        if over is not None:
            found = self.resolve(at, over.step, before=True)
            if found.startswith("!"):
                self.problems.append(f"{here}: for_each is over {found[1:]}")
            over = Reference(step=found, path=over.path)
        when, _ = self.condition(at, f"{here}: for_each", each.when, names=("item", "place"))
        made = msgspec.structs.replace(each, over=over, items=tuple(each.items), when=when)
        return made, needs_of_list(made)

    def contract(self, here: str, tool: str) -> ToolContract | None:
        profile, contracts = self.rulebook.profile, self.rulebook.contracts
        if (contract := contracts.get(tool)) is None:
            close = difflib.get_close_matches(tool, contracts, 1, 0.6)
            known, rest = ", ".join(sorted(contracts)[:12]), len(contracts) - 12
            more = f" and {rest} more (`cuga tools` lists them)" if rest > 0 else ""
            self.problems.append(
                f"{here}: there is no tool {tool!r}; "
                + (f"did you mean {close[0]!r}?" if close else f"known tools: {known or 'none'}{more}")
            )
            return None
        if tool in profile.forbidden_tools or (profile.tools and tool not in profile.tools):
            self.problems.append(f"{here}: the profile {profile.name!r} does not let {tool!r} be used")
        return contract

    def dependency(self, at: int, here: str, asked: str) -> str:
        found = self.resolve(at, asked)
        if found.startswith("!"):
            self.problems.append(f"{here}: depends_on {found[1:]}")
            return ""
        return found

    def condition(
        self, at: int, here: str, when: When | None, names: tuple[str, ...] = ()
    ) -> tuple[When | None, tuple[str, ...]]:
        if when is None:
            return None, ()
        bound: dict[str, Reference] = {}
        for name, reference in when.bind.items():
            if name in names:
                self.problems.append(f"{here}: when binds {name!r}, which stands for the list's own")
            found = self.resolve(at, reference.step, before=True)
            if found.startswith("!"):
                self.problems.append(f"{here}: when binds {name!r} to {found[1:]}")
            elif fault := bad_pointer(reference.path):
                self.problems.append(f"{here}: when binds {name!r} to {fault}")
            else:
                bound[name] = Reference(step=found, path=reference.path)
        self.problems += [f"{here}: when: {fault}" for fault in condition_faults(when, names)]
        return When(expr=when.expr, bind=bound), tuple(dict.fromkeys(r.step for r in bound.values()))

    def resolve(self, at: int, asked: str, before: bool = False) -> str:
        """The id of the step that is meant, or "!" and what is wrong. Ids go before names, names before positions.

        With `before`, a step that is listed later is not accepted: its output cannot be there yet.
        """
        if asked in self.where:
            place = self.where[asked]
        elif asked in self.names:
            if len(self.names[asked]) > 1:
                return f"!{asked!r}, a name that {len(self.names[asked])} steps have; give them ids"
            place = self.names[asked][0]
        elif asked in self.taken:
            return asked
        elif asked.isdecimal() and asked.isascii() and len(asked) < 4 and int(asked) < len(self.ids):
            place = int(asked)
        else:
            close = difflib.get_close_matches(asked, [*self.where, *self.names], 1, 0.6)
            return f"!{asked!r}, which is no step of this plan" + (f"; did you mean {close[0]!r}?" if close else "")
        if place == at:
            return "!itself"
        if before and place > at:
            return f"!{asked!r}, a step that comes later"
        return self.ids[place]

    def check_cycles(self, steps: tuple[Step, ...]) -> None:
        """`depends_on` may name a later step, which only orders the two; a circle is refused with its members."""
        needs = {step.step_id: {n for n in step.depends_on if n in self.where} for step in steps}
        followers: dict[str, list[str]] = {}
        for name, needed in needs.items():
            for one in needed:
                followers.setdefault(one, []).append(name)
        free = [name for name, needed in needs.items() if not needed]
        for name in free:  # it grows while it is walked
            for follower in followers.get(name, ()):
                needs[follower].discard(name)
                if not needs[follower]:
                    free.append(follower)
        if left := [name for name, needed in needs.items() if needed]:
            self.problems.append(f"steps wait for each other in a circle: {', '.join(left)}")


def label(at: int, step: PlanStep) -> str:
    """How a step is called in messages."""
    known = step.step_id or step.name or step.tool
    return f"step {at + 1} ({known[:60]})"


def condition_faults(when: When, names: tuple[str, ...] = ()) -> list[str]:
    """What is wrong with a condition's text and names; `names` are bound without being said."""
    odd = [name for name in when.bind if not name.isidentifier()]
    if odd:
        return [f"{name!r} is no name a condition can use" for name in odd]
    try:
        compile_condition(when.expr, (*when.bind, *names))
    except ConditionError as error:
        return [error.detail or error.message]
    return []
