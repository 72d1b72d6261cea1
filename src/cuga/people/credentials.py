"""The file of credentials: `people.db` in a house, or in memory.

Losing it loses nobody's work: people are invited anew. It is kept apart from the journal because what proves who
somebody is must be changeable and erasable, and a journal is neither.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import apsw
import msgspec

from cuga.clock import Clock
from cuga.errors import BadInput, NotFound
from cuga.model.value import Value
from cuga.sql import named

IDLE = timedelta(hours=12)  # a session that nobody used for so long is over
LONGEST = timedelta(days=7)  # and however much it was used
INVITED = timedelta(days=3)
WELCOME = timedelta(minutes=30)
KEPT = timedelta(days=7)  # how long an Idempotency-Key is remembered
KEY_PREFIX = "cuga_"
_SEEN = timedelta(minutes=1)  # how exactly it is known when a session or key was last used


class Session(Value, frozen=True, kw_only=True):
    """A signed-in browser. `way`: link, password, oidc. `proved_at`: when its person last proved who they are."""

    user: str
    way: str
    created_at: datetime
    seen_at: datetime
    proved_at: datetime


class Key(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A key for a program, which acts for `user` within `scopes` (verbs of `policy.access`)."""

    key_id: str
    user: str
    label: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    seen_at: datetime | None = None


class Names(Protocol):
    """Who has a name now, by the record of the house. Times are in millionths of a second, 0: from the beginning."""

    def joined(self, user: str) -> int:
        """When whoever has a name came to have it."""
        ...

    def trusted(self, user: str) -> int:
        """The same, or when their password was taken away since."""
        ...

    def is_former(self, user: str) -> bool:
        """Whether somebody left under that name."""
        ...


class OneEach:
    """Nobody ever leaves: what there is without a house."""

    def joined(self, user: str) -> int:
        return 0

    def trusted(self, user: str) -> int:
        return 0

    def is_former(self, user: str) -> bool:
        return False


class Credentials:
    """What proves who somebody is. Every answer is about now; nothing here says what a person may do.

    Several machines have a file each, and one may have slept when somebody left: what was kept for whoever had a name
    before counts for nobody.
    """

    def __init__(self, path: Path | str, clock: Clock, names: Names | None = None) -> None:
        self._clock = clock
        self._names = names or OneEach()
        self._sql = named("cuga.people", "schema/people.sql")
        try:
            self._db = apsw.Connection(str(path))
            self._db.set_busy_timeout(5_000)
            self._db.pragma("journal_mode", "wal")
            self._db.pragma("synchronous", "full")  # a key that was revoked stays so after a power loss
            self._db.pragma("secure_delete", 1)
            self._db.execute(self._sql["tables"])
            self._take_over()
        except apsw.Error as error:
            raise BadInput(
                f"{path} cannot be opened: {error}", mend="Move it away; people are invited anew."
            ) from error

    def _take_over(self) -> None:
        """A file of before it was kept whose something is: what may be of whoever has the name now is theirs."""
        if not self._is_older():
            return
        self._db.execute("begin immediate")  # another process of this machine may be at it
        try:
            if self._is_older():
                self._db.execute(self._sql["add_since"])
                for user in [str(row[0]) for row in self._db.execute(self._sql["people_of_before"])]:
                    self._keep(user)
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def _is_older(self) -> bool:
        found = self._one("is_older")
        return found is not None and bool(found[0])

    def _keep(self, user: str) -> None:
        """What is of a person stays; what may be of somebody of that name before them goes."""
        trusted = self._names.trusted(user)
        for name in ("drop_older_passwords", "drop_older_sessions"):
            self._do(name, user, trusted // 1_000_000)
        for name in ("drop_links", "drop_accounts") if self._names.is_former(user) else ():
            self._do(name, user)  # nobody can tell when those were made
        for name in ("keep_passwords", "keep_sessions", "keep_links"):
            self._do(name, user, trusted)
        self._do("keep_accounts", user, self._names.joined(user))

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    # --- passwords ------------------------------------------------------------------------------------------------
    def password_hash(self, user: str) -> str:
        """The hash of a person's password; empty when they have none."""
        found = self._one("password", user, self._names.trusted(user))
        return str(found[0]) if found else ""

    def set_password_hash(self, user: str, hashed: str) -> None:
        """Set a person's password; every session that was begun with the old one is over."""
        with self._db:
            self._do("set_password", user, hashed, self._now(), self._names.trusted(user))
            self._do("drop_sessions", user)
            self._do("drop_links", user)

    # --- links ----------------------------------------------------------------------------------------------------
    def make_link(self, user: str, purpose: str, lasts: timedelta = INVITED) -> str:
        """A token that lets a person in once: `welcome`, `invitation` or `reset`."""
        token = secrets.token_urlsafe(32)
        self._do("drop_old_links", self._now())
        expires = self._now() + int(lasts.total_seconds())
        self._do("add_link", _digest(token), user, purpose, expires, self._names.trusted(user))
        return token

    def take_link(self, token: str, *purposes: str) -> str:
        """Whose link it was, now used up; empty when it is none, was used, is too old, or is for something else."""
        found = self._one("take_link", _digest(token))
        if found is None or found[2] <= self._now() or found[1] not in purposes:
            return ""
        user = str(found[0])
        return user if found[3] == self._names.trusted(user) else ""

    # --- sessions -------------------------------------------------------------------------------------------------
    def begin_session(self, user: str, way: str, proved_at: datetime | None = None, *, is_proof: bool = True) -> str:
        """Begin a session; returns its token, which is kept nowhere. Coming in is a proof of who somebody is, now or
        at a time, unless it is none."""
        now = self._now()
        proved = 0 if not is_proof else now if proved_at is None else min(now, int(proved_at.timestamp()))
        token = secrets.token_urlsafe(32)
        self._do("drop_old_sessions", now, now - int(IDLE.total_seconds()))
        over, since = now + int(LONGEST.total_seconds()), self._names.trusted(user)
        self._do("add_session", _digest(token), user, way, now, now, over, proved, since)
        return token

    def session(self, token: str) -> Session | None:
        """The session of a token, None when it is none or is over."""
        digest = _digest(token)
        found = self._one("session", digest)
        now = self._now()
        if found is None or found[4] <= now or found[3] <= now - int(IDLE.total_seconds()):
            return None
        user, way, created, seen, _, proved, since = found
        if since != self._names.trusted(user):
            return None
        if now - seen >= _SEEN.total_seconds():
            self._do("session_seen", now, digest)
        return Session(
            user=user, way=way, created_at=self._at(created), seen_at=self._at(seen), proved_at=self._at(proved)
        )

    def last_seen(self, user: str) -> datetime | None:
        """When a browser of a person was last used that is still signed in."""
        found = self._one("last_seen", user, self._names.trusted(user))
        return self._at(found[0]) if found and found[0] else None

    def prove(self, token: str) -> None:
        """Note that the person of a session has just proved who they are."""
        self._do("session_proved", self._now(), _digest(token))

    def end_session(self, token: str) -> None:
        """Sign one browser out."""
        self._do("drop_session", _digest(token))

    # --- keys -----------------------------------------------------------------------------------------------------
    def make_key(self, key_id: str, user: str, label: str, scopes: tuple[str, ...], lasts: timedelta) -> str:
        """Make a key; returns its text, which is shown once and kept nowhere."""
        text = KEY_PREFIX + secrets.token_urlsafe(32)
        now = self._now()
        expires = now + int(lasts.total_seconds())
        body = msgspec.json.encode(scopes).decode()
        self._do("add_key", key_id, _digest(text), user, label, body, now, expires)
        return text

    def key(self, text: str) -> Key | None:
        """The key of a text, None when it is none or is over."""
        found = self._one("key", _digest(text))
        now = self._now()
        if found is None or found[5] <= now:
            return None
        if now - found[6] >= _SEEN.total_seconds():
            self._do("key_seen", now, found[0])
        return self._key(found)

    def all_keys(self) -> list[Key]:
        """Every key of the house."""
        return [self._key(row) for row in self._db.execute(self._sql["keys"])]

    def key_named(self, key_id: str) -> Key:
        """One key by its id; `NotFound`."""
        found = self._one("key_named", key_id)
        if found is None:
            raise NotFound(f"no key {key_id}", mend="`cuga keys` lists them.")
        return self._key(found)

    def drop_key(self, key_id: str) -> None:
        """Revoke a key; whoever uses it is refused from now on."""
        self._do("drop_key", key_id)

    # --- accounts of an OpenID provider ---------------------------------------------------------------------------
    def link_account(self, issuer: str, subject: str, user: str) -> None:
        """Remember who an account is here."""
        self._do("link_account", issuer, subject, user, self._names.joined(user))

    def account(self, issuer: str, subject: str) -> str:
        """Who an account is here; empty when nobody."""
        found = self._one("account", issuer, subject)
        return str(found[0]) if found and found[1] == self._names.joined(str(found[0])) else ""

    # --- people who leave or begin anew ---------------------------------------------------------------------------
    def forget_password(self, user: str) -> None:
        """A person's password, links and sessions are gone; their keys stay."""
        with self._db:
            for name in ("drop_password", "drop_sessions", "drop_links"):
                self._do(name, user)

    def forget(self, user: str) -> None:
        """Everything that let a person or their programs in is gone."""
        with self._db:
            for name in ("drop_password", "drop_sessions", "drop_links", "drop_keys", "drop_accounts"):
                self._do(name, user)

    # --- asked for once -------------------------------------------------------------------------------------------
    def once(self, user: str, key: str, body: bytes, offered: str) -> str | None:
        """What was given for an Idempotency-Key when it first came: `offered` if that is now, None for another body."""
        now = self._now()
        digest = hashlib.sha256(body).digest()
        self._do("drop_old_onces", now - int(KEPT.total_seconds()))
        self._do("once", user, key, digest, offered, now)
        kept, given = self._one("once_given", user, key) or (digest, offered)
        return str(given) if hmac.compare_digest(kept, digest) else None

    # --- inside ---------------------------------------------------------------------------------------------------
    def _do(self, name: str, *values: Any) -> None:
        self._db.execute(self._sql[name], values)

    def _one(self, name: str, *values: Any) -> tuple[Any, ...] | None:
        return next(iter(self._db.execute(self._sql[name], values)), None)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _at(self, seconds: int) -> datetime:
        return datetime.fromtimestamp(seconds, self._clock.now().tzinfo)

    def _key(self, row: tuple[Any, ...]) -> Key:
        key_id, user, label, scopes, created, expires, seen = row
        return Key(
            key_id=key_id,
            user=user,
            label=label,
            scopes=msgspec.json.decode(scopes, type=tuple[str, ...]),
            created_at=self._at(created),
            expires_at=self._at(expires),
            seen_at=self._at(seen) if seen else None,
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
