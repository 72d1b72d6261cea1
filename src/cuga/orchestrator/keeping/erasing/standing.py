"""What the house holds of somebody for times to come: schedules, standing rules, notices.

They have no end of their own. Left standing, a schedule would write the name down again with its next run, when nobody
knows any more whose it is; so they end, in the record, before the person is erased.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cuga.errors import NotFound
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.keeping.subject import Subject

_THEN = datetime.min.replace(tzinfo=UTC)  # the time is set as it is written
WHY = "the data it is about are erased"

Standing = h.ScheduleRemoved | h.StandingRuleRevoked | h.NoticeRemoved


def standing_about(assembly: Assembly, subject: Subject) -> list[tuple[str, Standing]]:
    """Each by its id, with the fact that ends it."""
    state, is_named = assembly.state, subject.is_named
    found: list[tuple[str, Standing]] = [
        (one.schedule_id, h.ScheduleRemoved(at=_THEN, schedule_id=one.schedule_id, reason=WHY))
        for one in state.schedules.values()
        if is_named(one.goal)
    ]
    found += [
        (rule.rule_id, h.StandingRuleRevoked(at=_THEN, rule_id=rule.rule_id))
        for rule in state.standing.values()
        if any(is_named(text) for text in rule.matches.values())
    ]
    found += [
        (name, h.NoticeRemoved(at=_THEN, notice_id=name))
        for name, notice in state.notices.items()
        if is_named(notice.address) or is_named(_told_at(assembly, name))
    ]
    return found


async def end_standing(assembly: Assembly, subject: Subject, by: Principal) -> tuple[str, ...]:
    """End all of it; the ids of what has ended."""
    ended = []
    for name, event in standing_about(assembly, subject):
        await assembly.change(msgspec.structs.replace(event, at=assembly.clock.now(), by=by.id), by)
        ended.append(name)
    return tuple(ended)


def _told_at(assembly: Assembly, notice_id: str) -> str:
    """The address of a notice, as far as it lies on this machine."""
    try:
        return assembly.outgoing().target(notice_id).address
    except NotFound:
        return ""
