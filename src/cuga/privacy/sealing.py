"""Sealing what is personal on its way into the journal, and opening it on its way out.

A sealed text is `sealed1:ID+ID:BYTES`: the ids of those it is about, and the text under a key that takes all of theirs
(AES-SIV, RFC 5297, bound to the stream). The same text is sealed the same way, so nothing that is compared changes. A
digest over a call is sealed under a key of the run: after an erasure nobody can guess the call by trying.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from cuga.journal.codec import SEALED
from cuga.kernel.consent import folded
from cuga.model import event as e
from cuga.model.event import Claim, Event
from cuga.privacy.finding import EMAIL, Finder, digits_of
from cuga.privacy.ring import KeyRing
from cuga.privacy.values import Value, values_of

ERASED = "[erased]"  # what is read in the place of what somebody's destroyed key sealed
UNREADABLE = "[sealed]"  # and where a key is not at hand: the file of keys is elsewhere
MOST_NEAR = 50  # people in one event beyond whom a lone word of a name says nothing
MOST_KEYS = 8  # people a text is sealed for because of where it stands; for more it is the run's
KEPT_CIPHERS = 4_096
KEPT_STREAMS = 20_000
KEPT_NAMES = 100_000

_TOKEN = re.compile(rb'"sealed1:([0-9a-f]+(?:\+[0-9a-f]+)*):([A-Za-z0-9_-]+)"')
_DIGEST = re.compile(r"(?:.*:)?[0-9a-f]{64}")
_KEYED = re.compile(r"~[0-9a-f]{32}")
_OPEN_DIGESTS = frozenset({"policy_digest", "tool_digest", "snapshot"})  # of rules and tools: about nobody
_OPEN_TABLES = frozenset({"tools", "runs"})  # of the house's own events: digests by name
_ENVELOPE = frozenset(
    {"type", "at", "by", "step", "tool", "approval_id", "question_id", "policy_digest", "tool_digest", "tenant"}
)  # an event's own words, by which it is found and read
_FREE = frozenset({"arguments", "carried", "data", "input", "inputs", "items", "reply", "result"})  # JSON of others
_FIXED = frozenset(
    {
        "adapter",
        "adapters",
        "alternatives",
        "approval",
        "around",
        "as_of",
        "at_limit",
        "before",
        "capability",
        "certainty",
        "channel",
        "claims",
        "crm_version",
        "deadline",
        "depends_on",
        "domain",
        "ends",
        "escalates_at",
        "expires_at",
        "fields",
        "first",
        "lapses_at",
        "last",
        "list_of",
        "mode",
        "planner",
        "policy",
        "pool",
        "profile",
        "provider",
        "retry_at",
        "risk",
        "role",
        "roles",
        "rule",
        "scopes",
        "side_effect",
        "starts",
        "status",
        "step",
        "step_id",
        "target",
        "tools",
        "trace_id",
        "verdict",
        "wake_at",
        "without",
        "zone",
    }
)  # fields of events that are no words: sealed they could not be read, or say something else after an erasure
_ANSWERS = frozenset(answer.value for answer in e.DoubtAnswer)
_PEOPLE = frozenset(
    {"authors", "id", "on_behalf_of", "owner", "requesters", "source", "user", "worker"}
)  # of the house
_TELLS = re.compile(r"[@\d]")  # without one of these a scope names nobody
_NUMBER = re.compile(r"\+?[\d ().-]{7,20}")

_HOUSE = "house/"
_TELLING = frozenset({e.RunStarted, e.PlanCreated, e.ModelCallStart, e.QuestionAnswered, e.ReplanRequested})


class Sealing:
    """What a journal asks about personal data. `names` answers which argument and result names the contracts declare
    personal, `tools` which tools are watched: those that declare any, and those that touch records or mail."""

    def __init__(
        self,
        ring: KeyRing,
        finder: Finder,
        names: Callable[[], frozenset[str]],
        tools: Callable[[], frozenset[str]],
    ) -> None:
        self.ring = ring
        self._finder = finder
        self._names = names
        self._tools = tools
        self._streams: dict[str, set[str] | None] = {}  # watched: whom it is about so far; None: nobody watches
        self._scopes: dict[str, str] = {}  # keyed part of a scope -> what it stands for
        self._ciphers: dict[bytes, AESSIV] = {}

    def forget(self) -> None:
        """Look again: somebody's key was destroyed, here or by another process."""
        self.ring.forget()
        self._ciphers.clear()
        self._scopes.clear()
        self._streams.clear()

    # --- the way in ------------------------------------------------------------------------------------------------
    def concerns(self, stream: str, events: Sequence[Event]) -> bool:
        """Whether the stream is watched: a run whose goal names somebody or whose plan has a watched tool, the house's
        own, and one that this process has not seen the beginning of."""
        known = self._streams.get(stream, self)
        if known is self:
            if len(self._streams) > KEPT_STREAMS:
                self._streams.clear()
            is_new = bool(events) and type(events[0]) is e.RunStarted
            known = self._streams[stream] = None if is_new else set()
        if known is not None:
            return True
        if _TELLING.isdisjoint(map(type, events)):
            return False
        for event in events:
            kind = type(event)
            if kind not in _TELLING:
                continue
            if kind is e.RunStarted:
                if not self._finder.find(event.goal):  # type: ignore[attr-defined]
                    continue
            elif kind is e.PlanCreated:
                tools = self._tools()
                if not any(step.tool in tools for step in event.plan.steps):  # type: ignore[attr-defined]
                    continue
            self._streams[stream] = set()
            return True
        return False

    def seal(self, stream: str, bodies: list[bytes], bound: str = "") -> list[bytes]:
        """The same JSON with sealed texts in the place of personal ones. `bound`: to what, when not to the stream."""
        found = [self._plan(stream, body, is_event=not bound) for body in bodies]
        self.ring.make({id for planned in found for _, ids in planned for id in ids})
        return [self._written(bound or stream, body, planned) for body, planned in zip(bodies, found, strict=True)]

    def have_keys(self, bodies: Iterable[bytes]) -> None:
        """See to it that the keys of these are at hand, all of them at once."""
        self.ring.have(
            {id for body in bodies for found in _TOKEN.finditer(body) for id in found[1].decode().split("+")}
        )

    def seal_text(self, stream: str, text: str) -> str:
        """One text, sealed if it is personal."""
        if not text or text.startswith(SEALED):
            return text
        if _DIGEST.fullmatch(text):
            refs: Collection[str] = (_run(stream),)
        else:
            refs = self._about(stream, text)
        if not refs:
            return text
        ids = self._ids(refs)
        self.ring.make(ids)
        return msgspec.json.decode(self._token(stream, msgspec.json.encode(text), ids), type=str)

    def keyed(self, events: Sequence[Event]) -> Sequence[Event]:
        """The same events with scopes that name nobody: the very same ones when they name nobody as they are."""
        keyed: list[Event] | None = None
        for place, event in enumerate(events):
            claims: tuple[Claim, ...] = getattr(event, "claims", ())
            if claims and (fresh := self._keyed(event, claims)) is not event:
                keyed = [*events] if keyed is None else keyed
                keyed[place] = fresh
        return events if keyed is None else keyed

    def _keyed(self, event: Event, claims: tuple[Claim, ...]) -> Event:
        for claim in claims:
            if self.scope(claim.scope) != claim.scope:
                fresh = tuple(msgspec.structs.replace(claim, scope=self.scope(claim.scope)) for claim in claims)
                return msgspec.structs.replace(event, claims=fresh)
        return event

    def scope(self, scope: str) -> str:
        """A scope with every address or number in it replaced by its keyed digest, the same whoever asks and when."""
        if scope.startswith("rate/") or not _TELLS.search(scope):
            return scope
        return "/".join(self._keyed_part(part) for part in scope.split("/"))

    def _keyed_part(self, part: str) -> str:
        if "@" not in part and not (_NUMBER.fullmatch(part) and len(digits_of(part)) >= 7):
            return part
        keyed = f"~{self.ring.keyed(f'scope/{part}')}"
        if len(self._scopes) > KEPT_NAMES:
            self._scopes.clear()
        self._scopes[keyed] = part
        return keyed

    def _plan(self, stream: str, body: bytes, is_event: bool = True) -> list[tuple[Value, tuple[str, ...]]]:
        """What to seal of a body, and under whose keys."""
        values = [value for value in values_of(body) if not is_event or not _is_structure(value)]
        inside: dict[int, set[str]] = {}  # object -> whom it is about
        found: list[set[str]] = []
        event: set[str] = set()
        for value in values:
            if value.text.startswith(SEALED):  # nobody's own words: as a text it stands for itself
                whom: set[str] = {_run(stream)}
            else:
                whom = set(self._finder.find(value.text))
            found.append(whom)
            about = whom if whom else {ref for ref in (self._finder.of_record(value.text),) if ref}
            for box in value.boxes:
                inside.setdefault(box, set()).update(about)
            event |= about
        known = self._streams.get(stream)
        if known is not None and not stream.startswith(_HOUSE):
            known |= {ref for ref in event if not ref.startswith("run/")}
        parts = self._finder.parts(event | (known or set()), MOST_NEAR)
        declared, planned = self._names(), []
        for value, whom in zip(values, found, strict=True):
            if not whom and parts:
                whom = self._finder.named(value.text, parts)
            if not whom and value.text and not declared.isdisjoint(value.names):
                whom = next((inside[box] for box in reversed(value.boxes) if inside.get(box)), set())
                whom = whom if 0 < len(whom) <= MOST_KEYS else {_run(stream)}
            if not whom and _is_telling(value):
                whom = {_run(stream)}
            if whom:
                planned.append((value, self._ids(whom)))
        return planned

    def _about(self, stream: str, text: str) -> Collection[str]:
        found = self._finder.find(text)
        return found or self._finder.named(text, self._finder.parts(self._streams.get(stream) or (), MOST_NEAR))

    def _ids(self, refs: Collection[str]) -> tuple[str, ...]:
        return tuple(sorted({self.ring.id_of(ref) for ref in refs}))

    def _written(self, stream: str, body: bytes, planned: list[tuple[Value, tuple[str, ...]]]) -> bytes:
        if not planned:
            return body
        parts: list[bytes] = []
        at = 0
        for value, ids in planned:
            parts += (body[at : value.start], self._token(stream, body[value.start : value.end], ids))
            at = value.end
        return b"".join((*parts, body[at:]))

    def _token(self, stream: str, text: bytes, ids: tuple[str, ...]) -> bytes:
        """A JSON text that stands for another; what is sealed are its exact bytes, quotes and escapes included."""
        key = self._key(ids)
        if key is None:
            return b'"%s"' % ERASED.encode()  # the key was destroyed while this was on its way
        sealed = self._cipher(key).encrypt(text, [stream.encode()])
        return b'"%s%s:%s"' % (SEALED.encode(), "+".join(ids).encode(), base64.urlsafe_b64encode(sealed).rstrip(b"="))

    def _key(self, ids: tuple[str, ...]) -> bytes | None:
        keys = [self.ring.key(one) for one in ids]
        if any(key is None for key in keys):
            return None
        return keys[0] if len(keys) == 1 else hashlib.sha512(b"".join(key or b"" for key in keys)).digest()

    def _cipher(self, key: bytes) -> AESSIV:
        found = self._ciphers.get(key)
        if found is None:
            if len(self._ciphers) > KEPT_CIPHERS:
                self._ciphers.clear()
            found = self._ciphers[key] = AESSIV(key)
        return found

    # --- the way out -----------------------------------------------------------------------------------------------
    def open(self, stream: str, body: bytes) -> bytes:
        """The same JSON with what the sealed texts stand for."""
        bound = [stream.encode()]

        def opened(found: re.Match[bytes]) -> bytes:
            ids = tuple(found[1].decode().split("+"))
            key = self._key(ids)
            if key is None:
                gone = any(self.ring.is_erased(one) for one in ids)
                return b'"%s"' % (ERASED if gone else UNREADABLE).encode()
            coded = found[2]
            try:
                return self._cipher(key).decrypt(base64.urlsafe_b64decode(coded + b"=" * (-len(coded) % 4)), bound)
            except (InvalidTag, ValueError):
                return found[0]  # it was not sealed here: a text that only looks so

        clear = _TOKEN.sub(opened, body)
        return self._with_scopes(clear) if b"/~" in clear else clear

    def ids_with(self, stream: str, body: bytes, addresses: Collection[str]) -> set[str]:
        """The ids under which a text with one of these addresses is sealed for one person: theirs, by whatever record
        they were known then. Addresses in lower case."""
        found: set[str] = set()
        for match in _TOKEN.finditer(body):
            if b"+" in match[1] or (id := match[1].decode()) in found:
                continue
            text = self.open(stream, match[0]).decode("utf-8", "replace")
            if any(one[0].strip(".").casefold() in addresses for one in EMAIL.finditer(text)):
                found.add(id)
        return found

    def open_text(self, stream: str, text: str) -> str:
        """One text, opened if it is sealed."""
        if not text.startswith(SEALED):
            return text
        return msgspec.json.decode(self.open(stream, msgspec.json.encode(text)), type=str)

    def named(self, scope: str) -> str:
        """A scope as the rules have it: what its keyed parts stand for, as far as that is known."""
        return _KEYED.sub(lambda found: self._scopes.get(found[0], found[0]), scope)

    def _with_scopes(self, body: bytes) -> bytes:
        """An intent carries the address that its claim is about: from there a keyed part is known again."""
        text = body.decode()
        for match in EMAIL.finditer(text):
            self._keyed_part(folded(match[0]))
        for value in values_of(body):
            if _NUMBER.fullmatch(value.text):
                self._keyed_part(folded(value.text))
        return self.named(text).encode()


def _is_structure(value: Value) -> bool:
    """Whether a text holds an event together and says nothing of a person, whatever their records happen to hold."""
    if value.text.startswith(SEALED):
        return False  # it would be taken for what it only looks like
    if value.depth == 1 and value.names[-1] in _ENVELOPE:
        return True
    for name in value.names[1:]:
        if name in _FREE:
            return False
        if name in _FIXED or (name in _PEOPLE and "@" not in value.text):
            return True
    return value.text in _ANSWERS and value.names[1] == "answer"


def _is_telling(value: Value) -> bool:
    """Whether a text is a digest over what may be somebody's, or an effect on them."""
    name = value.names[-1]
    if name == "effect":
        return bool(value.text)
    if name in _OPEN_DIGESTS or value.names[1] in _OPEN_TABLES or (name == "digest" and "blob" in value.names):
        return False
    return len(value.text) >= 64 and _DIGEST.fullmatch(value.text) is not None


def _run(stream: str) -> str:
    return f"run/{stream}"
