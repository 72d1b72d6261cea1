"""What people taught runs: how they changed a call before they agreed to it, what they asked to be made better, and why
they said no. By profile, each with the run, the person and the time it comes from.

A fold of the journal like every other view; what a person had forgotten is gone from it, and so is what is left without
its words: after an erasure, or once a run has become a tombstone, there is nothing to be learned from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from cuga.journal.port import ReadJournal
from cuga.journal.tombstone import RETIRED
from cuga.model import event as e
from cuga.model import house_event as h
from cuga.model.event import Event
from cuga.model.value import Value, encode
from cuga.privacy import ERASED, UNREADABLE
from cuga.projections.projection import ATTEMPTS, Rows, Store, View, ViewsLost, ViewsUnstable, catch_up

KEPT = 500  # of the newest lessons of a profile that are looked at
MOST_CHANGES, SHOWN = 20, 400  # of one lesson, and characters of a value
_LAST = 10**12  # lessons are numbered down from here, so that the newest comes first in the order of keys
_COUNT = "count"
_MAIL = re.compile(r"[^\s@<>,;:\"'()]+@[\w-]+(?:\.[\w-]+)+")
_ABOUT = ("account", "account_id", "recipient", "recipient_name", "contact", "contact_id", "opportunity", "to")
_GONE = (RETIRED, ERASED, UNREADABLE)
TEACHES = (e.Verdict.AMEND, e.Verdict.DENY, e.Verdict.REQUEST_CHANGES)


class Change(Value, frozen=True, kw_only=True):
    """One field of a call as it was asked for, and as a person wrote it. Values are JSON, cut where they are long."""

    path: str
    before: str = ""
    after: str = ""
    grew: int = 0  # words that it has more than before


class Lesson(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Something that a person taught. `kind`: amended, asked (for changes) or denied; `text` is what they said."""

    id: str  # the request that it was said of
    at: datetime
    by: str
    profile: str
    run_id: str
    step: str
    tool: str
    kind: str
    text: str = ""
    changes: tuple[Change, ...] = ()
    subjects: tuple[str, ...] = ()  # whom it is about: addresses, names and ids out of the call

    def mentions(self, subject: str, also: frozenset[str] = frozenset()) -> bool:
        """Whether it is about somebody or something, or names it; `also` are other ids and names of the same."""
        if also.intersection(one.casefold() for one in self.subjects):
            return True
        wanted = subject.strip().casefold()
        said = (self.text, *self.subjects, *(text for one in self.changes for text in (one.before, one.after)))
        return bool(wanted) and any(wanted in one.casefold() for one in said)


class _Count(msgspec.Struct, tag="count"):
    lessons: int = 0


class _Run(msgspec.Struct, tag="run"):
    profile: str


class _Request(msgspec.Struct, tag="request"):
    """A request, with whoever amended it, until the one in its place is there."""

    tool: str
    step: str
    arguments: msgspec.Raw
    by: str = ""
    text: str = ""


class _Kept(msgspec.Struct, tag="lesson"):
    lesson: Lesson


class _At(msgspec.Struct, tag="at"):
    key: str


_Row = _Count | _Run | _Request | _Kept | _At


class LessonsFold:
    """The projection behind the memory of what people taught."""

    name = "lessons"
    version = 2
    row = _Row

    def apply(self, rows: Rows[_Row], stream: str, event: Event) -> None:
        """Take in one fact, when somebody taught something by it."""
        match event:
            case e.RunStarted():
                rows.put(f"run\x1f{stream}", _Run(event.profile))
            case e.RunFinished():
                rows.put(f"run\x1f{stream}", None)
            case e.ApprovalRequested():
                self._requested(rows, stream, event)
            case e.ApprovalReceived(verdict=verdict) if verdict in TEACHES and event.by:
                self._said(rows, stream, event)
            case e.ApprovalReceived(final=True) | e.ApprovalTimeout() | e.ApprovalSuperseded():
                rows.put(f"request\x1f{event.approval_id}", None)
            case h.LessonsForgotten(lessons=lessons):
                for name in lessons:
                    self._forget(rows, name)
            case _:
                return

    def _requested(self, rows: Rows[_Row], stream: str, event: e.ApprovalRequested) -> None:
        arguments = msgspec.Raw(bytes(event.arguments))
        rows.put(f"request\x1f{event.approval_id}", _Request(event.tool, event.step, arguments))
        before = rows.get(f"request\x1f{event.amends}") if event.amends else None
        if isinstance(before, _Request):
            rows.put(f"request\x1f{event.amends}", None)
            found = differences(msgspec.json.decode(before.arguments), msgspec.json.decode(arguments))
            changes = tuple(change for change in found if not has_lost_words(change.before + change.after))
            if changes:
                self._keep(rows, stream, event.at, before, event.amends, "amended", changes[:MOST_CHANGES])

    def _said(self, rows: Rows[_Row], stream: str, event: e.ApprovalReceived) -> None:
        key = f"request\x1f{event.approval_id}"
        asked = rows.get(key)
        if not isinstance(asked, _Request):
            return
        words = "" if has_lost_words(event.reason) else event.reason
        said = _Request(asked.tool, asked.step, asked.arguments, event.by, words)
        if event.verdict is e.Verdict.AMEND:
            rows.put(key, said)  # what became of it stands in the request that takes its place
            return
        kind = "denied" if event.verdict is e.Verdict.DENY else "asked"
        if words.strip():
            self._keep(rows, stream, event.at, said, event.approval_id, kind)
        if event.final:
            rows.put(key, None)

    def _keep(
        self,
        rows: Rows[_Row],
        stream: str,
        at: datetime,
        said: _Request,
        name: str,
        kind: str,
        changes: tuple[Change, ...] = (),
    ) -> None:
        run, count = rows.get(f"run\x1f{stream}"), rows.get(_COUNT)
        number = (count.lessons if isinstance(count, _Count) else 0) + 1
        rows.put(_COUNT, _Count(number))
        profile = run.profile if isinstance(run, _Run) else ""
        lesson = Lesson(
            id=name,
            at=at,
            by=said.by,
            profile=profile,
            run_id=stream,
            step=said.step,
            tool=said.tool,
            kind=kind,
            text=said.text,
            changes=changes,
            subjects=tuple(
                one
                for one in dict.fromkeys(subjects_in(msgspec.json.decode(said.arguments)))
                if not has_lost_words(one)
            ),
        )
        key = f"of\x1f{profile}\x1f{_LAST - number:012d}"
        rows.put(key, _Kept(lesson))
        rows.put(f"at\x1f{name}", _At(key))

    def _forget(self, rows: Rows[_Row], name: str) -> None:
        place = rows.get(f"at\x1f{name}")
        if isinstance(place, _At):
            rows.put(place.key, None)
            rows.put(f"at\x1f{name}", None)


def has_lost_words(text: str) -> bool:
    """Whether a text is, or holds, what stands in the place of words that are not there any more."""
    return any(mark in text for mark in _GONE)


def differences(before: Any, after: Any, at: str = "") -> Iterator[Change]:
    """The fields in which two values differ, as JSON Pointers."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            pointer = f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}"
            yield from differences(before.get(name), after.get(name), pointer)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{at}/{place}")
    elif before != after:
        grew = _words(after) - _words(before)
        yield Change(path=at, before=_shown(before), after=_shown(after), grew=grew)


def subjects_in(value: Any, field: str = "") -> Iterator[str]:
    """Whom a call is about: addresses anywhere in it, and what stands in fields for an account or a person."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from subjects_in(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from subjects_in(inner, field)
    elif isinstance(value, str) and value.strip():
        if field in _ABOUT:
            yield value.strip()[:SHOWN]
        yield from _MAIL.findall(value[:20_000])


def _words(value: Any) -> int:
    return len(value.split()) if isinstance(value, str) else 0


def _shown(value: Any) -> str:
    return encode(value).decode()[:SHOWN]


class LessonsView:
    """The lessons, kept up by reading on. `is_stale` says whether somebody may have taught something since."""

    def __init__(self, journal: ReadJournal, store: Store, is_stale: Callable[[], bool] = lambda: True) -> None:
        self._journal = journal
        self._is_stale = is_stale
        self.view: View[_Row] = View(LessonsFold(), store)
        self._known: dict[str, tuple[Lesson, ...]] = {}

    async def of(self, profile: str) -> tuple[Lesson, ...]:
        """What a profile was taught, newest first; no question spans two."""
        if self._is_stale():
            self._known.clear()
        if profile not in self._known:
            self._known[profile] = await self._read(f"of\x1f{profile}\x1f")
        return self._known[profile]

    async def all(self) -> tuple[Lesson, ...]:
        """What all profiles were taught, for those who look after the memory."""
        found = await self._read("of\x1f")
        return tuple(sorted(found, key=lambda lesson: (lesson.at, lesson.id), reverse=True))

    async def _read(self, prefix: str) -> tuple[Lesson, ...]:
        for _ in range(ATTEMPTS):
            await catch_up(self._journal, [self.view])
            try:
                rows: Iterable[tuple[str, _Row]] = self.view.page(prefix, "", KEPT)
                return tuple(row.lesson for _key, row in rows if isinstance(row, _Kept))
            except ViewsLost:
                self.view.forget()
        raise ViewsUnstable(f"{ATTEMPTS} attempts")
