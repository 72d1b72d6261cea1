"""What a house remembers of what people taught its runs: looked at, and forgotten on request.

Remembered is only what the journal says; forgetting tells planners and models no more of it, and is a fact of the house
that names no person.
"""

from __future__ import annotations

from cuga.adapters.capability import CrmRead, Filter
from cuga.errors import BadInput, NotFound
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.value import Value
from cuga.orchestrator.house.assembly import Assembly
from cuga.orchestrator.looking.reading import Reading
from cuga.planning.memory import LOOKED_AT
from cuga.projections.lessons import Lesson


class Forgotten(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What is remembered no more: lessons, and runs whose outcome was a hint."""

    lessons: tuple[str, ...]
    runs: tuple[str, ...] = ()


class Remembering(Reading):
    """The memory of a house, for people."""

    async def lessons(self, profile: str = "", subject: str = "") -> tuple[Lesson, ...]:
        """What people taught, newest first: of one profile, or of all; about somebody, or anybody."""
        assembly = await self.open()
        found = await (assembly.lessons.of(profile) if profile else assembly.lessons.all())
        also = names_of(assembly.crm, subject)
        return tuple(one for one in found if not subject.strip() or one.mentions(subject, also))

    async def forget(
        self, lesson: str = "", *, subject: str = "", reason: str = "", by: Principal | None = None
    ) -> Forgotten:
        """Forget one lesson, or whatever is about a subject: an address, a name, an account. An admin does.

        `NotFound` when there is nothing of the kind.
        """
        assembly = await self.open()
        if bool(lesson.strip()) is bool(subject.strip()):
            raise BadInput("name a lesson, or a subject", mend="`cuga memory list` shows the lessons.")
        known, also = await assembly.lessons.all(), names_of(assembly.crm, subject)
        wanted = tuple(one.id for one in known if (one.id == lesson if lesson else one.mentions(subject, also)))
        runs = await _runs_about(assembly, subject) if subject else ()
        if not wanted and not runs:
            raise NotFound(f"nothing is remembered of {lesson or subject!r}")
        who = by or await self.principal()
        event = h.LessonsForgotten(at=assembly.clock.now(), by=who.id, lessons=(*wanted, *runs), reason=reason)
        await assembly.change(event, who)
        return Forgotten(lessons=wanted, runs=runs)


def names_of(crm: CrmRead, subject: str) -> frozenset[str]:
    """What else the records call a person or an account, in lower case: id, name and address."""
    if not subject.strip():
        return frozenset()
    found: list[str] = []
    by_mail = crm.query("contacts", [Filter(field="email", value=subject.strip())], limit=20)
    ids = [("contacts", record.id) for record in by_mail]
    hits = [(kind, crm.lookup(kind, subject).found) for kind in ("contacts", "accounts")]
    ids += [(kind, hit.id) for kind, hit in hits if hit is not None and hit.how not in ("near", "respelled")]
    for kind, record_id in ids:
        record = crm.get(kind, record_id)
        found += [record_id, *(str(getattr(record, field, "")) for field in ("name", "email"))]
    return frozenset(one.casefold() for one in found if one)


async def _runs_about(assembly: Assembly, subject: str) -> tuple[str, ...]:
    """The runs whose outcome is a hint for the planner and whose goal names a subject."""
    if not assembly.recalls:
        return ()
    low, known = subject.strip().casefold(), assembly.state.forgotten
    rows = await assembly.journal.runs(tenant=assembly.tenant, limit=LOOKED_AT)
    return tuple(one.run_id for one in rows if low in one.row.goal.casefold() and one.run_id not in known)
