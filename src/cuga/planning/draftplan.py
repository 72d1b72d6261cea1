"""From chosen tools to wired steps: subjects, arguments, prerequisites, conditions and limits, in the goal's order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from cuga.kernel.consent import effect_of
from cuga.kernel.references import ITEMS
from cuga.model.plan import ITEM, ForEach, PlanStep, Reference, When
from cuga.model.tool import SideEffect, Slot, ToolContract
from cuga.model.value import encode
from cuga.planning import explain, wire
from cuga.planning.conditions import Condition
from cuga.planning.evidence import Choice
from cuga.planning.filling import Context, Filled
from cuga.planning.kinds import base_kind, slot_kinds
from cuga.planning.many import add_many
from cuga.planning.mentions import Mention
from cuga.planning.people import NOBODY, tell_addressees
from cuga.planning.ranking import Index, stems
from cuga.planning.slots import fill
from cuga.planning.subjects import accounts_for, deals_for

DEEPEST = 3  # prerequisites of prerequisites


class Draft:
    """The steps of one plan in the making."""

    def __init__(self, index: Index, usable: list[ToolContract], context: Context, denied: Mapping[str, str]) -> None:
        self.index, self.usable, self.context, self.denied = index, usable, context, denied
        self.steps: list[tuple[str, Filled]] = []
        self.flow: dict[str, dict[str, str]] = {}  # step -> argument -> where from
        self.whens: dict[str, tuple[When, str]] = {}
        self.lists: dict[str, ForEach] = {}  # steps that are one call for each item of a list
        self.choices: list[Choice] = []
        self.bars: dict[str, Condition] = {}  # what a goal asks of each item of a step's list, when it is gone through

    def add(self, choice: Choice, depth: int = 0) -> None:
        """Add the steps of one choice: one for each account it is about, or one that is a list of many."""
        if not self.goes_on_from_a_list(choice) and add_many(self, choice, depth):
            return
        about, apart = accounts_for(choice, self.index, self.context), False
        if about == [None]:
            about = self.of_givers(choice)
        if about == [None]:
            about, apart = self.of_prerequisites(choice), True
        for account in about:
            for deal in deals_for(choice, account, self.context):
                self.add_for(choice, account, depth, deal, apart=apart)

    def goes_on_from_a_list(self, choice: Choice) -> bool:
        """Whether a tool takes what the calls of an earlier list give: "check each of them" after drafts."""
        made = {base_kind(kind) for name in self.lists for kind in self.made_by(name).gives} & self.index.passed_on
        return any(slot.required and base_kind(slot.kind) in made for slot in choice.contract.slots)

    def made_by(self, name: str) -> ToolContract:
        """The contract of a step."""
        return next(step.choice.contract for other, step in self.steps if other == name)

    def of_givers(self, choice: Choice) -> list[Mention | None]:
        """For a tool that only takes what was made: each account something was made for, or for "it" the last one."""
        takes = {base_kind(slot.kind) for slot in choice.contract.slots if slot.required} & self.index.passed_on
        found: dict[str, Mention | None] = {}
        for _, step in self.steps:
            if step.account is not None and takes & {base_kind(kind) for kind in step.choice.contract.gives}:
                found[step.account.value] = step.account
        singular = any(word.low in ("it", "this", "that") for word in choice.clause.words)
        made = list(found.values())
        return (made[-1:] if singular else made) or [None]

    def of_prerequisites(self, choice: Choice) -> list[Mention | None]:
        """For a tool that takes no account and needs what is yet to be made: the accounts that it is made for."""
        for slot in choice.contract.slots if slot_kinds(choice.contract) & self.index.passed_on else ():
            needed = wire.prerequisite(slot, choice, self.usable) if slot.required else None
            if needed is not None:
                return accounts_for(self.needed(needed, choice), self.index, self.context)
        return [None]

    def about(self, name: str) -> str:
        """The account that a step is about, if any."""
        return next((step.account.value for other, step in self.steps if other == name and step.account), "")

    def needed(self, contract: ToolContract, choice: Choice) -> Choice:
        """A choice that is made because another one needs what it gives."""
        return Choice(contract, choice.clause, 0.0, (), None, choice.more, choice.contract.name)

    def add_for(
        self, choice: Choice, account: Mention | None, depth: int, deal: str | None = None, *, apart: bool = False
    ) -> None:
        """Add one step, with what it needs before it. `apart`: what is made for another account is none of its own."""
        if deal is None:
            deal = deals_for(choice, account, self.context)[0]
        step = fill(choice, account, deal, self.context)
        if any(
            (other.choice.needed_by or choice.contract.side_effect is not SideEffect.READ_ONLY)
            and other.choice.contract.name == choice.contract.name
            and other.arguments == step.arguments
            for _, other in self.steps
        ):
            return  # it is there already, for a step that needs it
        told = [c for c in choice.clauses if c.condition is not None and not choice.needed_by]
        conditions = [c for c in told if c.at <= choice.clause.at][:1]
        for clause in told if not conditions else ():
            assert clause.condition is not None
            self.context.note(
                f'"{clause.condition.text}" holds nothing back: "{explain.short(clause.text)}" is part of what '
                f"{choice.contract.name} gives."
            )
        for clause in conditions:
            assert clause.condition is not None
            self.ready_for(clause.condition, choice, account, depth)
        flow = self.wire(step, depth, apart=apart)
        tell_addressees(step, self.context)
        name = self.name(choice.contract.name)
        self.steps.append((name, step))
        self.flow[name] = flow
        if step.each is not None:
            self.lists[name] = ForEach(over=Reference(step=step.each, path=ITEMS))
        if choice not in self.choices:
            self.choices.append(choice)
        for clause in conditions:
            assert clause.condition is not None
            self.hold(name, step, clause.condition, clause.otherwise)
        self.hold_for_recipient(name, step)

    def wire(self, step: Filled, depth: int, *, apart: bool = False) -> dict[str, str]:
        """Fill open slots from earlier steps, adding what is missing; ask for what nothing can give."""
        contract = step.choice.contract
        about = step.account.value if step.account else ""
        flow: dict[str, str] = {}
        for slot in step.open:
            found = wire.giver(slot, self.steps, about)
            if apart and found is not None and self.about(found[0]) != about:
                found = None
            if found is None and depth < DEEPEST and self.is_worth_a_step(slot, contract):
                needed = wire.prerequisite(slot, step.choice, self.usable)
                is_new = needed is not None and all(choice.contract.name != needed.name for choice in self.choices)
                if needed is not None and (is_new or apart):
                    self.add_for(self.needed(needed, step.choice), step.account, depth + 1)
                    found = wire.giver(slot, self.steps, about)
            if found is not None and found[0] in self.lists:
                if step.each is None:
                    step.each = found[0]
                if step.each == found[0]:
                    step.arguments[slot.name] = {ITEM: found[1]}
                    flow[slot.name] = found[0]
                elif slot.required:
                    self.context.ask(f"{_which(slot, contract)} Two lists cannot be gone through side by side.")
            elif found is not None:
                step.arguments[slot.name] = wire.reference(*found)
                flow[slot.name] = found[0]
            elif slot.required and base_kind(slot.kind) in ("message", "notes") and self.context.feedback:
                step.arguments[slot.name] = self.context.feedback  # the text that was asked for
            elif slot.required:
                self.context.ask(_which(slot, contract))
        return flow

    def is_worth_a_step(self, slot: Slot, contract: ToolContract) -> bool:
        """Required slots are; so is, before an effect, any check that its tool has a place for."""
        if base_kind(slot.kind) in ("account", "opportunity", "contact", "product", "count", ""):
            return False
        return slot.required or contract.side_effect is SideEffect.EXECUTE

    def ready_for(self, condition: Condition, choice: Choice, account: Mention | None, depth: int) -> None:
        """See that a step comes before that measures what a condition speaks of."""
        if self.measure(condition, account) is not None or depth >= DEEPEST:
            return
        for contract in self.readers(condition):
            if wire.measured(condition, contract) is not None:
                self.add_for(
                    Choice(contract, choice.clause, 0.0, (), None, [], choice.contract.name), account, depth + 1
                )
                return

    def readers(self, condition: Condition) -> list[ToolContract]:
        """Tools that may measure it: those its words speak of, or for a mere "it" those that look at what was made."""
        reading = {c.name: c for c in self.usable if c.side_effect is SideEffect.READ_ONLY}
        words = stems(condition.subject)
        if any(self.index.knows(word) for word in words):
            return [reading[m.tool] for m in self.index.rank(words) if m.tool in reading and m.score >= 0.4]
        made = {base_kind(kind) for _, step in self.steps[-1:] for kind in step.choice.contract.gives}
        made = made & {"message"} or ({"account"} if condition.number else made)
        return sorted((c for c in reading.values() if made & slot_kinds(c)), key=lambda c: (c.cost, c.name))

    def measure(self, condition: Condition, account: Mention | None) -> tuple[str, str] | None:
        """(step, pointer) of an earlier step that gives what a condition compares."""
        words = set(stems(condition.subject))
        hits: list[tuple[int, int, str, str]] = []
        for name, step in self.steps:
            found = wire.measured(condition, step.choice.contract)
            if found is None:
                continue
            fits = len(words & self.index.strong[step.choice.contract.name])
            same = account is None or step.account is None or step.account.value == account.value
            if same and (fits or not any(self.index.knows(word) for word in words)):
                hits.append((fits, len(hits), name, found[0]))
        return (max(hits)[2], max(hits)[3]) if hits else None

    def hold(self, name: str, step: Filled, condition: Condition, otherwise: bool) -> None:
        """Put a condition on a step, or ask how it is to be measured: it is never dropped."""
        found = self.measure(condition, step.account)
        if found is None or found[0] == name:
            self.context.ask(f'How is "{condition.text}" to be measured? No step of this plan gives such a value.')
            return
        self.whens[name] = (wire.when(condition, found[0], found[1], otherwise), condition.text)

    def hold_for_recipient(self, name: str, step: Filled) -> None:
        """An effect with a message waits for a recipient where its maker may know none, before anyone asks."""
        if step.choice.contract.side_effect is not SideEffect.EXECUTE:
            return
        for slot in step.choice.contract.slots:
            source = self.flow[name].get(slot.name, "") if base_kind(slot.kind) == "message" else ""
            maker = next((made for other, made in self.steps if other == source), None)
            path = maker.choice.contract.gives.get("recipient") if maker else None
            if maker is None or path is None or "@" in str(maker.arguments.get("recipient", "")):
                continue
            if step.choice.contract.stops:  # it says itself what is missing, and nobody is asked
                self.tell_recipient(name, source, maker)
                continue
            held, said = self.whens.get(name, (None, ""))
            if name in self.lists:
                self.lists[name] = replace(self.lists[name], when=When(expr=f'{_dotted(path)} != ""'))
                self.context.note(f"{name} goes to those of {source} that have an address; the others are left out.")
                continue
            this, words = wire.has_text("send_to", source, path), f"{source} has a recipient"
            both = wire.both(held, this) if held is not None else this
            self.whens[name] = (both, f"{said}; {words}" if said else words)
            self.tell_recipient(name, source, maker)

    def tell_recipient(self, name: str, source: str, maker: Filled) -> None:
        """Say that an effect needs an address, where the CRM shows none beforehand."""
        known = self.context.records.contacts(maker.account.record) if maker.account else []
        if any(person.id == maker.arguments.get("recipient") and person.email for person in known):
            return
        self.context.note(
            f"{name} needs the recipient's address out of {source}. Where none is known it is not done, nobody is "
            f"asked, and the run says so; add the contact's address to the CRM, or name it: "
            f'cuga run "... to NAME@COMPANY".'
        )

    def name(self, tool: str) -> str:
        """A name for the next step of a tool."""
        taken = {name for name, _ in self.steps}
        number = 2
        name = tool
        while name in taken:
            name, number = f"{tool}-{number}", number + 1
        return name

    def shorten(self, most: int) -> None:
        """Leave out what fits least until no more than `most` steps are left; what others need stays."""
        while len(self.steps) > max(0, most):
            needed = {name for flow in self.flow.values() for name in flow.values()}
            needed |= {r.step for held, _ in self.whens.values() for r in held.bind.values()}
            free = [(step.choice.score, -at, name) for at, (name, step) in enumerate(self.steps) if name not in needed]
            _, _, name = min(free)
            self.context.note(f"Left out to stay within {most} calls: {name}.")
            self.drop(name)

    def drop(self, name: str) -> None:
        """Take a step out, with those that need its output."""
        self.steps = [(n, step) for n, step in self.steps if n != name]
        self.lists.pop(name, None)
        flow, self.whens = self.flow.pop(name, None), {n: w for n, w in self.whens.items() if n != name}
        assert flow is not None
        for other, sources in list(self.flow.items()):
            held = other in self.whens and any(r.step == name for r in self.whens[other][0].bind.values())
            if other in self.flow and (name in sources.values() or held):
                self.drop(other)

    def leave_denied(self) -> None:
        """Take out what was denied in this run: the same kind of effect on the same target is not asked for again."""
        for name, step in list(self.steps):
            if name not in self.flow:
                continue
            effect = effect_of(step.choice.contract, msgspec.Raw(encode(_plain(step.arguments))))
            if effect in self.denied:
                why = self.denied[effect]
                self.context.note(f"Not planned again: {name}, denied before" + (f" ({why})." if why else "."))
                self.drop(name)

    def plan_steps(self) -> tuple[PlanStep, ...]:
        """The steps as a proposal; they refer to each other by name, the check gives them ids."""
        made = []
        remarks = self.context.revision.line
        for name, step in self.steps:
            held, condition = self.whens.get(name, (None, ""))
            reason = explain.reason(step, self.flow[name], condition)
            if remarks and step.choice.contract.side_effect is not SideEffect.READ_ONLY:
                reason = f"{reason}. {remarks[:1].upper()}{remarks[1:]}"  # it is what people decide by
            made.append(
                PlanStep(
                    tool=step.choice.contract.name,
                    name=name,
                    input=_plain(step.arguments),
                    reason=reason,
                    depends_on=tuple(dict.fromkeys(self.flow[name].values())),
                    when=held,
                    for_each=self.lists.get(name),
                )
            )
        return tuple(made)


def _dotted(path: str) -> str:
    """A pointer into an item as a condition names it."""
    return ".".join(["item", *path.split("/")[1:]])


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: None if value is NOBODY else value for name, value in arguments.items()}


def _which(slot: Slot, contract: ToolContract) -> str:
    what = slot.purpose or slot.kind or slot.name
    return f"For {contract.name.replace('_', ' ')} I need: {what}. Which is it?"
