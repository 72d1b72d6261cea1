"""A plan as the kernel walks it: who waits for whom. Immutable, built once per plan, shared by a run's states."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cuga.kernel.references import within_calls
from cuga.model.plan import CheckedPlan, Step


class PlanIndex:
    """Dependants, needs and referenced pointers of a plan's steps."""

    __slots__ = ("dependants", "named", "needs", "pointers", "steps")

    def __init__(self, steps: dict[str, Step], in_force: Iterable[str] | None = None) -> None:
        self.steps = steps
        names = steps if in_force is None else in_force
        self.named = {name: place for place, name in enumerate(names)}  # the plan in force: where each stands, from 0
        self.needs: dict[str, tuple[str, ...]] = {}
        self.dependants: dict[str, list[str]] = {}
        self.pointers: dict[str, list[str]] = {}
        for step in steps.values():
            needs = step.depends_on
            for reference in step.references:
                self.pointers.setdefault(reference.step, []).append(reference.path)
                if reference.step not in needs:
                    needs = (*needs, reference.step)
            if step.when is not None:
                for reference in step.when.bind.values():
                    self.pointers.setdefault(reference.step, []).append(reference.path)
                    if reference.step not in needs:
                        needs = (*needs, reference.step)
            self.needs[step.step_id] = needs
            for needed in needs:
                self.dependants.setdefault(needed, []).append(step.step_id)
        for name, step in steps.items():
            if step.list_of and step.list_of in self.pointers:
                self.pointers[name] = within_calls(self.pointers[step.list_of])

    @classmethod
    def of(cls, plan: CheckedPlan, kept: dict[str, Step] | None = None, begun: Collection[str] = ()) -> PlanIndex:
        """The index of a plan, with steps of earlier plans that the run keeps; those begun stay what they were."""
        own = {step.step_id: kept[step.step_id] if kept and step.step_id in begun else step for step in plan.steps}
        if not kept:
            return cls(own)
        calls = {name: step for name, step in kept.items() if step.list_of and step.list_of in own}
        return cls({**kept, **own}, (*own, *calls))

    def opened(self, list_id: str, calls: Iterable[Step]) -> PlanIndex:
        """The same plan with the calls of a list, each right behind it."""
        steps: dict[str, Step] = {}
        for name, step in self.steps.items():
            steps[name] = step
            if name == list_id:
                steps |= {call.step_id: call for call in calls}
        in_force = (name for name in steps if name in self.named or name not in self.steps)
        return PlanIndex(steps, in_force)
