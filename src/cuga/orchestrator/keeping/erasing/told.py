"""What is told of somebody's data: where they are, and what became of them."""

from __future__ import annotations

from cuga.model.value import Value


class Held(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Where somebody's data are, before anything is erased."""

    who: str  # as it was asked for
    contacts: tuple[str, ...]  # ids of their records
    addresses: tuple[str, ...]
    runs: tuple[str, ...]  # that their data are in
    unfinished: tuple[str, ...]  # those of them that have not ended: erasing cancels them
    clear_events: int  # written before personal data were sealed: erasing cannot reach them, retention can
    documents: tuple[str, ...]  # files of others in the house that name them; they are yours to mend
    keys: str  # where the keys lie
    ending: tuple[str, ...] = ()  # schedules, standing rules and notices of the house that name them: erasing ends them


class Erased(Value, frozen=True, kw_only=True, omit_defaults=False):
    """What was erased. Nothing in here names anybody."""

    subjects: tuple[str, ...]  # ids, as the record has them
    keys: int  # destroyed
    runs: int
    cancelled: tuple[str, ...]
    cleaned: dict[str, int]  # place -> rows, messages or files
    clear_events: int
    left: tuple[str, ...]  # documents of others that name them
    ended: tuple[str, ...] = ()  # schedules, standing rules and notices that named them
    is_shared: bool = False  # other machines may have the house: their records, outbox and inbox lie there
