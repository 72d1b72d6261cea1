"""Secrets stay out: known secret values, and what stands under secret-looking keys, are cut before anyone sees them.

Values are found by literal search, keys by reading the JSON once, so the time grows with the length and nothing else.
It finds what it knows: personal data, and secrets that are plain lower-case words, are not its business.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import msgspec

REDACTED = "[redacted]"
MIN_LENGTH = 6  # of a secret value; anything shorter would cut holes into innocent text
MAX_SECRETS = 1_000
_SMALL = 2_048  # bytes; up to here one pattern finds out sooner than many searches that nothing is there

_WORDS = frozenset(
    {"secret", "secrets", "password", "passwd", "passphrase", "pwd", "token", "apikey", "privatekey", "accesskey"}
    | {"credential", "credentials", "authorization", "bearer", "cookie"}
)
_PAIRS = frozenset({("api", "key"), ("private", "key"), ("access", "key"), ("signing", "key"), ("encryption", "key")})
_ABOUT = frozenset(  # `token_count`, `password_file`: words about a secret, not the secret
    {"count", "limit", "type", "id", "ids", "name", "length", "ttl", "expires", "expiry", "usage", "budget", "ceiling"}
    | {"file", "path", "dir", "sock", "policy", "hint", "required", "set", "changed", "at"}
)
_PAGING = frozenset({"page", "next", "continuation", "cursor", "sync"})  # `next_page_token` is needed to go on reading
_MAY_BE_KEY = re.compile(rb"token|secret|pass|key|credential|pwd|authoriz|bearer|cookie")  # a part of every secret name
_NUMBER = re.compile(rb"[0-9eE+.\-]+")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)  # of JSON; one that is cut off goes to the end
_WORD = re.compile(r"[a-z_]{1,15}")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_GAP = re.compile(r"[^a-z0-9]+")
_IN_ADDRESS = re.compile(r"://[^/\s:@]{0,200}:([^/\s@]{1,500})@")
_SAID = re.compile(
    r"(?i)\b([a-z_\-]{0,40}(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key)"
    r"[\"']?\s{0,3}[=:]\s{0,3}[\"']?|bearer\s{1,3}|basic\s{1,3})([^\s\"',;&]{4,2000})"
)


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether a key of this name holds a secret: `apiKey`, `DB_PASSWORD`, `x-auth-token`; not `token_count`."""
    parts = [part for part in _GAP.split(_HUMP.sub("_", name[:200]).lower()) if part]
    if not parts or parts[-1] in _ABOUT or parts in (["pwd"], ["oldpwd"]) or _PAGING & set(parts):
        return False
    return bool(_WORDS & set(parts)) or any(pair in _PAIRS for pair in pairwise(parts))


@lru_cache(maxsize=1024)
def are_plain_names(names: tuple[object, ...]) -> bool:
    """Whether all are ASCII text and none names a secret: of the fields of a result, which seldom change."""
    return all(isinstance(name, str) and name.isascii() and not is_secret_name(name) for name in names)


def secrets_of(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The secret values among environment variables: those under secret names, and passwords inside addresses."""
    found: dict[str, None] = {}
    for name, value in variables.items():
        if is_secret_name(name):
            found[value.strip()] = None
        for password in _IN_ADDRESS.findall(value[:10_000]):
            found[password] = None
    return tuple(value for value in found if _is_telling(value))


def _is_telling(value: str) -> bool:
    return len(value) >= MIN_LENGTH and _WORD.fullmatch(value) is None


class Redactor:
    """Cuts what it knows. One instance per process; `learn` adds a secret that came in later."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._needles: list[bytes] = []
        self._known: set[str] = set()
        self._any = self._numbers = re.compile(b"(?!)")
        self.learn(*secrets)

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> Redactor:
        """A redactor that knows the secrets among these variables."""
        return cls(secrets_of(variables))

    @property
    def knows_any(self) -> bool:
        """Whether there is a value to look for at all."""
        return bool(self._known)

    def learn(self, *secrets: str) -> None:
        """Know more secrets; short ones and plain words are left alone."""
        for secret in secrets:
            if _is_telling(secret) and len(self._known) < MAX_SECRETS:
                self._known.add(secret)
        forms = {form for secret in self._known for form in _forms(secret)}
        self._needles = sorted((f for f in forms if not _NUMBER.fullmatch(f)), key=lambda form: (-len(form), form))
        numbers = [_whole_number(form) for form in sorted(forms, reverse=True) if _NUMBER.fullmatch(form)]
        self._numbers = re.compile(b"|".join(numbers) or b"(?!)")
        self._any = re.compile(b"|".join([*map(re.escape, self._needles), *numbers]) or b"(?!)")

    def scrub_values(self, body: bytes) -> bytes:
        """The bytes without known secret values. JSON stays JSON of the same shape: only its strings are cut, and of a
        secret that is a number only what stands for itself in one, not a part of a longer number or name."""
        if not self._known or not self._holds_any(body):
            return body
        if body[:1] in (b"{", b"[", b'"'):
            return _STRING.sub(self._cut_string, body)
        try:
            msgspec.json.decode(body)  # a number, or nothing
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._cut(body)
        return body

    def _holds_any(self, body: bytes) -> bool:
        if len(body) <= _SMALL:
            return self._any.search(body) is not None
        return any(needle in body for needle in self._needles) or self._numbers.search(body) is not None

    def _cut(self, text: bytes) -> bytes:
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, REDACTED.encode())
        return self._numbers.sub(REDACTED.encode(), text)

    def _cut_string(self, found: re.Match[bytes]) -> bytes:
        string = found[0]
        if len(string) < MIN_LENGTH:
            return string
        if b"\\" in string:  # a cut must not tear an escape apart: what it stands for is cut instead
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                text = msgspec.json.decode(string, type=str).encode()
                clean = self._cut(text)
                return string if clean == text else msgspec.json.encode(clean.decode("utf-8", "replace"))
        return string[:1] + self._cut(string[1:-1]) + string[-1:]

    def scrub(self, body: bytes) -> bytes:
        """JSON bytes without known secret values and without what stands under secret keys."""
        if _MAY_BE_KEY.search(body.lower()):
            body = _without_secret_keys(body)
        return self.scrub_values(body)

    def scrub_text(self, text: str) -> str:
        """A message without known secret values and without `password=...`, `token: ...`, `Bearer ...`."""
        clean = self._cut(text.encode("utf-8", "backslashreplace")).decode("utf-8", "replace")
        return _SAID.sub(lambda said: said[1] + REDACTED, clean)


def _without_secret_keys(body: bytes) -> bytes:
    try:
        value = msgspec.json.decode(body)
        found = [False]
        clean = _walk(value, found)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return msgspec.json.encode(clean) if found[0] else body


def _walk(value: Any, found: list[bool]) -> Any:
    if isinstance(value, dict):
        clean = {}
        for key, entry in value.items():
            if entry is not None and not isinstance(entry, bool) and is_secret_name(key):
                clean[key] = REDACTED
                found[0] = True
            else:
                clean[key] = _walk(entry, found)
        return clean
    if isinstance(value, list):
        return [_walk(entry, found) for entry in value]
    return value


def _forms(secret: str) -> set[bytes]:
    """How a secret may be written: plain, inside JSON with and without \\u escapes, inside an address."""
    plain = secret.encode("utf-8", "backslashreplace")
    escaped = json.dumps(secret)[1:-1].encode()
    inside = json.dumps(secret, ensure_ascii=False)[1:-1].encode("utf-8", "backslashreplace")
    return {plain, escaped, inside, quote(secret, safe="", errors="backslashreplace").encode()}


def _whole_number(form: bytes) -> bytes:
    """A pattern for a number that is no part of a longer one, of a name or of a time."""
    return rb"(?<![0-9A-Za-z.])" + re.escape(form) + rb"(?![0-9A-Za-z])"
