"""Steps that a new plan shares with an earlier one keep their ids, and so their work and their approvals."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from cuga.model.plan import Reference, Step, When, needs_of_list
from cuga.model.value import encode
from cuga.planning.inputs import Rewriter


def keep(steps: tuple[Step, ...], earlier: Mapping[str, Step], given: Collection[str]) -> tuple[Step, ...]:
    """Steps in an order in which needs come first; one equal to an earlier step takes its id.

    `given` are the ids that the proposal chose itself: those are never changed.
    """
    renamed: dict[str, str] = {}
    unused = dict(earlier)
    done: dict[str, Step] = {}
    for step in in_order(steps):
        step = renamed_step(step, renamed)
        for name, known in unused.items():
            if core(known) == core(step) and (step.step_id == name or step.step_id not in given):
                renamed[step.step_id] = name
                step = known  # to the letter, so that nobody takes it for a changed one
                del unused[name]
                break
        done[step.step_id] = step
    return tuple(done.values())


def in_order(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Steps so that each comes after those it waits for, otherwise as given."""
    by_id = {step.step_id: step for step in steps}
    placed: dict[str, Step] = {}
    left = list(reversed(steps))
    while left:
        step = left[-1]
        waits = [n for n in step.depends_on if n in by_id and n not in placed]
        if waits and step.step_id not in placed:
            left += [by_id[name] for name in reversed(waits)]
            continue
        placed.setdefault(step.step_id, step)
        left.pop()
    return tuple(placed.values())


def renamed_step(step: Step, renamed: Mapping[str, str]) -> Step:
    """A step whose needs have other ids now."""
    if not renamed or not set(step.depends_on) & renamed.keys():
        return step

    def again(reference: Reference) -> Reference:
        return Reference(step=renamed.get(reference.step, reference.step), path=reference.path)

    def anew(when: When | None) -> When | None:
        return None if when is None else When(expr=when.expr, bind={n: again(r) for n, r in when.bind.items()})

    each = step.for_each
    if each is not None:
        each = msgspec.structs.replace(each, over=None if each.over is None else again(each.over), when=anew(each.when))
    rewriter = Rewriter(lambda name: renamed.get(name, name), has_items=each is not None)
    body, references, _ = rewriter.rewritten(msgspec.json.decode(step.input))
    return msgspec.structs.replace(
        step,
        input=msgspec.Raw(encode(body)),
        references=tuple(dict.fromkeys((*references, *needs_of_list(each)))),
        when=anew(step.when),
        for_each=each,
        depends_on=tuple(renamed.get(name, name) for name in step.depends_on),
    )


def core(step: Step) -> tuple[object, ...]:
    """What makes two steps the same piece of work."""
    needs = frozenset(step.depends_on)
    each = None if step.for_each is None else encode(step.for_each)  # items may hold what cannot be hashed
    return step.tool, step.tool_digest, bytes(step.input), step.when, each, needs, step.required, step.ask_first
