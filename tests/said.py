"""What kernel, policy and journal said in each test, held against pages that a person can read.

A page of `said/` beside the tests belongs to one test file. It has each test by its name, and below it every refusal
with its code, its whole text and what it tells the reader to do, every mistake in a text with its place, every ruling,
and in a story of a run every fact in full. Whoever changes what is said reads the difference and writes the pages anew:

    python -m tests.said
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cuga.errors import CugaError
from cuga.model.event import Event, name_of
from cuga.model.value import encode
from cuga.policy.judge import Rules, Ruling
from cuga.projections.statehash import canonical
from cuga.testing.story import Story

PLACES = ("tests/unit/kernel", "tests/unit/policy", "tests/unit/journal")
WRITES = "CUGA_WRITE_SAID"
LINES = 250  # of one test; what is beyond is only counted and summed up
SHORT = 150  # characters of a value that is shown in one line
WIDTH = 900  # of one line, likewise
_LONG_HEX = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
_PROCESS = re.compile(r"(?<=process )\d+|(?<=pid=')\d+")
_HEADING = "## "
Tell = Callable[..., None]
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember which test failed by itself."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(autouse=True)
def tell(request: pytest.FixtureRequest) -> Iterator[Tell]:
    """Listens to one test and compares; by this, a test may tell a value of its own. Tests over chosen examples say
    something else each time and are not heard."""
    heard: list[str] = []

    def say(value: Any, about: str = "") -> None:
        heard.extend(_of_value(value, about))

    if hasattr(request.function, "hypothesis") or "postgres" in request.node.nodeid:
        yield say
        return
    place = str(request.getfixturevalue("tmp_path")) if "tmp_path" in request.fixturenames else "\0"
    with pytest.MonkeyPatch.context() as patch:
        _listen(patch, heard, with_rulings=request.path.parent.name == "policy")
        yield say
    if request.node.stash.get(FAILED, False):
        return  # it has said enough
    compare(Path(str(request.path)), request.node.name, [_plain(line, place) for line in heard])


def compare(file: Path, test: str, heard: list[str]) -> None:
    """Hold what a test said against its page, or write it there."""
    page = file.parent / "said" / f"{file.stem.removeprefix('test_')}.txt"
    told, now = read(page), _short(heard)
    name = test.encode("unicode_escape").decode()
    if os.environ.get(WRITES):
        write(page, {**told, name: now})
    assert read(page).get(name, []) == now, f"it says something else than {page}: python -m tests.said writes it anew"


def read(page: Path) -> dict[str, list[str]]:
    """A page: test -> its lines."""
    found: dict[str, list[str]] = {}
    for line in page.read_text("utf-8").splitlines() if page.exists() else ():
        if line.startswith(_HEADING):
            lines = found[line.removeprefix(_HEADING)] = []
        elif line:
            lines.append(line)
    return found


def write(page: Path, told: dict[str, list[str]]) -> None:
    """Write a page, its tests by name."""
    parts = ["\n".join([_HEADING + name, *told[name]]) for name in sorted(told) if told[name]]
    if parts:
        page.parent.mkdir(exist_ok=True)
        page.write_text("\n\n".join(parts) + "\n", "utf-8")


def _listen(patch: pytest.MonkeyPatch, heard: list[str], with_rulings: bool) -> None:
    def refusal(self: CugaError, detail: str = "", **facts: object) -> None:
        _make_error(self, detail, **facts)
        heard.extend(line for line in _of_error(self) if line not in heard[-1:])  # tried again, the same is said

    def when(self: Story, *wishes: Any) -> Story:
        at = len(heard)
        heard.append("")
        done = _when(self, *wishes)
        state = "" if self.error else f" = {_sum(canonical(self.state))}"  # the whole state it led to
        heard[at] = f"> {' '.join(wish_name(wish) for wish in wishes)}{state}"
        heard.extend(_of_story(self))
        return done

    def ruling(self: Rules, tool: str, current: Any) -> Ruling:
        found = _ruling(self, tool, current)
        if (line := f"{tool}: {encode(found).decode()}") not in heard:
            heard.append(line)
        return found

    patch.setattr(CugaError, "__init__", refusal)
    patch.setattr(Story, "when", when)
    if with_rulings:  # a story shows what came of them
        patch.setattr(Rules, "ruling", ruling)


_make_error, _when, _ruling = CugaError.__init__, Story.when, Rules.ruling


def wish_name(wish: Any) -> str:
    """What a wish is called on a page."""
    return type(wish).__name__ if isinstance(wish, msgspec.Struct) else wish.__qualname__.partition(".")[0]


def _of_error(error: CugaError) -> Iterator[str]:
    if isinstance(mistakes := error.facts.get("mistakes"), tuple):
        yield from (f"! {mistake}" for mistake in mistakes)
        yield f"! {error.code}: {error.detail.splitlines()[0]}"
        return
    facts = "".join(f" [{name}={value!r}]" for name, value in sorted(error.facts.items()) if name != "mend")
    yield f"! {error.code}: {error.detail}{facts}" + (f" -> {mend}" if (mend := error.facts.get("mend")) else "")


def _of_story(story: Story) -> Iterator[str]:
    for event in story.last:
        yield _of_event(event, story.at)
    if story.queued:
        yield f"queued {story.queued}"
    if story.routed:
        yield f"routed {story.routed}"


def _of_event(event: Event, now: datetime) -> str:
    body = msgspec.json.decode(encode(event))
    body.pop("type", None)
    if event.at == now:
        del body["at"]
    return f"{name_of(event)} {encode(body).decode()}"


def _of_value(value: Any, about: str, depth: int = 0) -> list[str]:
    """A value as JSON: in one line if it is short, else a line for each part that is not empty."""
    text = value if isinstance(value, str) and not depth else encode(value).decode()
    plain = msgspec.json.decode(encode(value))
    edge = " " * depth
    if len(text) <= SHORT or not isinstance(plain, dict | list):
        return [f"{edge}{about}: {text}" if about else f"{edge}{text}"]
    parts = plain.items() if isinstance(plain, dict) else (("-", part) for part in plain)
    inner = [line for name, part in parts if part not in ("", {}, []) for line in _of_value(part, name, depth + 1)]
    return [f"{edge}{about}:", *inner] if about else inner


def _plain(line: str, place: str) -> str:
    line = _PROCESS.sub("PROCESS", line.replace(place, "PLACE")).replace("\r", "\\r").replace("\n", "\\n")
    line = _LONG_HEX.sub(r"\1", line)
    line = line if line.isprintable() else line.encode("unicode_escape").decode()
    return line if len(line) <= WIDTH else f"{line[:WIDTH]}... {_sum(line)}"


def _short(lines: list[str]) -> list[str]:
    if len(lines) <= LINES:
        return lines
    return [*lines[:LINES], f"... and {len(lines) - LINES} lines more: {_sum(chr(10).join(lines))}"]


def _sum(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


if __name__ == "__main__":
    for place in PLACES:
        for old in Path(place, "said").glob("*.txt"):
            old.unlink()
    os.environ[WRITES] = "1"
    sys.exit(pytest.main(["-q", "-p", "no:xdist", "-m", "not soak", "-k", "not postgres", *PLACES]))
