"""The promises, checked from the events and the outside world's ledger alone.

Nothing here asks the kernel, the policy or the journal whether they did well: sums, needs, conditions, consents and
digests are worked out again from what is written. The numbers are those of the reliability goals (I1 to I12).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cuga.model import event as e
from cuga.model.context import Principal
from cuga.model.outcome import Done, Outcome
from cuga.policy.profile import Current
from cuga.testing.story_of_run import Broken, StoryOfRun
from cuga.testing.world import World

if TYPE_CHECKING:
    from cuga.testing.scenes import Course, Setting

__all__ = ["Broken", "Click", "Record", "check"]


class Click(NamedTuple):
    """What a person sent: on which request, having been shown which digest, while what held."""

    approval_id: str
    by: Principal
    digest: str
    current: Current


class Record:
    """Everything that was seen of a schedule from outside."""

    def __init__(self, setting: Setting, world: World) -> None:
        self.setting = setting
        self.world = world
        self.courses: dict[str, Course] = {}
        self.clicks: list[Click] = []
        self.appends: dict[str, list[tuple[int, Current]]] = defaultdict(list)  # run -> (last version, what held)
        self.streams: dict[str, list[e.Event]] = {}
        self.is_quiet = False
        self.was_quiet_until_now = False

    def note(self, run: str, version: int, count: int, current: Current) -> None:
        """An append was kept."""
        self.appends[run].append((version + count, current))


def check(record: Record) -> None:
    """Hold a finished schedule against the promises; raises `Broken` with the first that does not hold."""
    stories = {run: StoryOfRun(run, events, record) for run, events in record.streams.items()}
    for story in stories.values():
        story.read()
    _calls_follow_intents(record, stories)
    _effects_are_consented(record, stories)
    _rates_hold(record, stories)
    if record.is_quiet:
        _quiet_runs_succeed(record.streams)


def _calls_follow_intents(record: Record, stories: dict[str, StoryOfRun]) -> None:
    answers: dict[tuple[str, str, int, str], int] = {}  # the first time an attempt answered so
    for run, version, start, outcome in record.world.calls:
        answers.setdefault((run, start.step, start.attempt, _said(outcome)), version)
        written = stories[run].intents.get((start.step, start.attempt))
        if written is None or written[0] > version:
            raise Broken(f"I3: {run} {start.step} was called before its intent was durable")
        if written[1].arguments != start.arguments or written[1].key != start.key:
            raise Broken(f"I3: {run} {start.step} was called with {bytes(start.arguments)!r}, not with its intent")

    for run, story in stories.items():
        for number, step, attempt, said in story.said:
            if answers.get((run, step, attempt, said), number) >= number:
                raise Broken(f"I2: {run} {step}: attempt {attempt} is recorded as {said}, which nobody answered")


def _said(outcome: Outcome) -> str:
    return "done" if isinstance(outcome, Done) else outcome.certainty.value


def _effects_are_consented(record: Record, stories: dict[str, StoryOfRun]) -> None:
    from cuga.testing.scenes import KEYED, ONCE, OUTWARD

    for effect in record.world.effects:
        if record.setting.simulates and effect.tool in OUTWARD:
            raise Broken(f"I2: {effect.run} {effect.step} is only simulated and happened")
    per_step = Counter((effect.run, effect.step) for effect in record.world.effects)
    for (run, step), count in per_step.items():
        story = stories[run]
        if count > 1 + story.consents[step]:
            raise Broken(f"I2: {run} {step} happened {count} times with {story.consents[step]} consents to another")
    for run, story in stories.items():
        for step, tool in story.completed.items():
            if tool != "look" and step not in story.simulated and not per_step[run, step]:
                raise Broken(f"I2: {run} {step} is completed and never happened")
            is_keyed = tool in KEYED and step not in story.simulated
            if is_keyed and per_step[run, step] != 1 and not story.consents[step]:
                raise Broken(f"I2: {run} {step} is keyed and completed and happened {per_step[run, step]} times")
    per_target: Counter[tuple[str, str]] = Counter()
    allowed: Counter[tuple[str, str]] = Counter()
    for effect in record.world.effects:
        if effect.tool in ONCE:
            per_target[effect.tool, effect.target] += 1
    for story in stories.values():
        for (step, _), (_, start) in story.intents.items():
            if start.tool in ONCE and story.consents[step] and (step, start.tool) not in story.counted:
                story.counted.add((step, start.tool))
                for target in story.targets[step]:
                    allowed[start.tool, target] += story.consents[step]
    for (tool, target), count in per_target.items():
        if count > 1 + allowed[tool, target]:
            raise Broken(f"I2: {tool} reached {target} {count} times over all runs")


def _rates_hold(record: Record, stories: dict[str, StoryOfRun]) -> None:
    for rate in record.setting.rates:
        windows = Counter(
            int(start.at.timestamp()) // rate.window_s
            for story in stories.values()
            for _, start in story.intents.values()
        )
        for window, count in windows.items():
            if count > rate.calls:
                raise Broken(f"I5: {count} calls in window {window}, {rate.calls} are allowed")


def _quiet_runs_succeed(streams: dict[str, list[e.Event]]) -> None:
    """No fault, no park: what waits, waits for a person, a budget or a window, and nothing ends in doubt."""
    excuses = (e.BudgetExceeded, e.StepRefused, e.StepFailed)
    for run, events in streams.items():
        excused = any(isinstance(event, excuses) for event in events)
        waited = {event.step for event in events if isinstance(event, e.ApprovalRequested)}
        for event in events:
            if isinstance(event, (e.ToolCallError, e.StepInDoubt, e.TakenOver)):
                raise Broken(f"I8: nothing went wrong, and {run} has {type(event).__name__}")
            if isinstance(event, e.RunParked) and not excused and not waited:
                raise Broken(f"I8: nothing went wrong, and {run} is parked: {event.reason}")
            if isinstance(event, e.RunFinished) and event.status is not e.Status.SUCCESS and not excused:
                raise Broken(f"I8: nothing went wrong, and {run} is {event.status.value}: {event.reason}")


def names(events: Sequence[e.Event]) -> list[str]:
    """The wire names of events."""
    return [e.name_of(event) for event in events]
