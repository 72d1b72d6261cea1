"""What the surroundings say: the settings of one process, read once and handed down.

Nothing else in the house reads the environment. Precedence: a flag of the command over the environment over an env file
over the registry over the default. A variable that cannot be used is named with what it holds and what would do.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cuga.errors import BadInput

ENV_FILE = ".env"
_PREFIX = "CUGA_"
_DURABILITIES = ("full", "process")
_TRUE = frozenset({"1", "true", "yes", "on"})
_LEVELS = ("error", "warning", "info", "debug")
_FALSE = frozenset({"0", "false", "no", "off", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process: each field is the variable `CUGA_<FIELD>`, see `docs/reference/settings.md`."""

    house: Path | None = None  # where the house is; None: looked for
    database: str = field(default="", repr=False)  # where the journal is, when it is in Postgres: may hold a password
    lease_s: int = 9  # with a database: after how long the runs of a silent worker are taken over
    tenant_runs: int = 0  # with a database: runs of one tenant that are advanced at once; 0: no limit
    pools: tuple[str, ...] = ()  # of a worker: the process pools whose calls it makes, and nothing else
    restate: str = "http://127.0.0.1:8080"  # with `engine: restate`: where its server takes what is sent
    restate_admin: str = "http://127.0.0.1:9070"  # where it is told of this process
    restate_listen: str = "127.0.0.1:9080"  # where this process listens for it
    restate_reach: str = ""  # how it reaches this process, or what stands before several; empty: where it listens
    profile: str = ""  # the profile of a run that names none; empty: the default of the registry
    durability: str = "full"  # "full": survives power loss; "process": survives kill -9 only
    worker: str = ""  # the name under which this process drives runs; empty: host and process id
    grace_s: int = 5  # how long calls in flight may take when the process is stopped
    call_threads: int = 16  # synchronous tools that may run at once
    proxy: str = ""  # the http(s) address of the proxy that outbound requests take; empty: none
    inside: tuple[str, ...] = ()  # hosts, addresses and networks that outbound requests may reach though not public
    seals: Path | None = None  # where the keys that sign journals and their first anchors lie; None: the user's state
    anchors: tuple[str, ...] = ()  # further places that keep the newest checkpoint: file:, syslog, witness:, s3:
    mail_server: str = ""  # smtp://user@host:587 or smtps://host, for notices by e-mail; empty: none
    mail_from: str = ""  # the sender of such mail; empty: whoever is told
    oidc_issuer: str = ""  # https://login.example.com/tenant: people may sign in there; empty: nobody does
    oidc_client: str = ""  # the client id of this house there
    otlp: str = ""  # where spans go, http://127.0.0.1:4318; empty: nowhere
    log: str = ""  # how much is logged as JSON lines on standard error: error, warning, info, debug; empty: nothing
    no_color: bool = False
    test_data: Path | None = None  # larger data sets for tests and benchmarks
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)  # all that was read: never shown

    def below(self, further: Mapping[str, str]) -> Settings:
        """These settings with further variables, which count only where nothing was said yet."""
        fresh = {name: value for name, value in further.items() if name not in self.variables}
        plain = Settings()
        said = {
            name: read(_PREFIX + name.upper(), text)
            for name, read in _READERS.items()
            if (text := fresh.get(_PREFIX + name.upper())) and getattr(self, name) == getattr(plain, name)
        }
        return replace(self, variables={**fresh, **self.variables}, **said)


def read_settings(
    environment: Mapping[str, str] | None = None, *, env_file: Path | None = None, **flags: Any
) -> Settings:
    """The settings of this process: `flags` that are not None, then the environment, then the env file, then defaults.

    Raises `BadInput` for a value that cannot be used. Unknown `CUGA_` variables are left alone: tools may own them.
    """
    said = dict(os.environ if environment is None else environment)
    said = {**read_env_file(env_file if env_file is not None else Path(ENV_FILE)), **said}
    found: dict[str, Any] = {}
    for name, read in _READERS.items():
        if (text := said.get(_PREFIX + name.upper())) is not None and text != "":
            found[name] = read(_PREFIX + name.upper(), text)
    if said.get("NO_COLOR"):
        found["no_color"] = True
    found["variables"] = said
    return replace(Settings(**found), **{name: value for name, value in flags.items() if value is not None})


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a file of NAME=VALUE lines; none when it is not there. `BadInput` names a line that is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}", mend="Mend or remove the file.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.removeprefix("export ").partition("=")
        if not equals or not name.strip().replace("_", "a").isalnum():
            raise BadInput(f"{path}, line {number}: expected NAME=VALUE", mend="Mend the line or put # before it.")
        found[name.strip()] = value.strip().strip("\"'")
    return found


def _path(_name: str, text: str) -> Path:
    return Path(text).expanduser()


def _text(_name: str, text: str) -> str:
    return text


def _address(name: str, text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise BadInput(f"{name}={text!r}: expected http://HOST:PORT")
    return text.rstrip("/")


def _list(_name: str, text: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1024:
        raise BadInput(f"{name}={text!r}: expected a whole number from 1 to 1024")
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _TRUE | _FALSE:
        raise BadInput(f"{name}={text!r}: expected 1 or 0")
    return text.lower() in _TRUE


def _durability(name: str, text: str) -> str:
    if text not in _DURABILITIES:
        raise BadInput(f"{name}={text!r}: expected {' or '.join(_DURABILITIES)}")
    return text


def _level(name: str, text: str) -> str:
    if text.lower() not in _LEVELS:
        raise BadInput(f"{name}={text!r}: expected {', '.join(_LEVELS[:-1])} or {_LEVELS[-1]}")
    return text.lower()


_READERS: dict[str, Any] = {
    "house": _path,
    "database": _text,
    "lease_s": _whole,
    "tenant_runs": _whole,
    "pools": _list,
    "restate": _address,
    "restate_admin": _address,
    "restate_listen": _text,
    "restate_reach": _address,
    "profile": _text,
    "durability": _durability,
    "worker": _text,
    "grace_s": _whole,
    "call_threads": _whole,
    "proxy": _text,
    "inside": _list,
    "seals": _path,
    "anchors": _list,
    "mail_server": _text,
    "mail_from": _text,
    "oidc_issuer": _text,
    "oidc_client": _text,
    "otlp": _text,
    "log": _level,
    "no_color": _flag,
    "test_data": _path,
}
