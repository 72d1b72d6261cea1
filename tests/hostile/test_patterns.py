"""No pattern of ours takes longer than a text deserves: each is tried on texts that make a backtracking one explode."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src/cuga"
PUMPS = (" ", "a", "1", ".", "@", "<", '"', "\n", "(", "a ", "a.", "a-", "1,", "a@")
LENGTH = 3_000  # a quadratic pattern takes a hundred times longer for it than a linear one
MOST_S = 0.02


def patterns() -> Iterator[tuple[str, str, str]]:
    """Every pattern that is written as one literal in the package: where, what, and how it is looked for."""
    texts = {path: path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    public = _ways(re.compile(r"\b([A-Z][A-Z_]+)\.(\w+)\("), "\n".join(texts.values()))
    for path, text in texts.items():
        named: dict[int, str] = {}
        if "re." not in text:
            continue
        used = public | _ways(re.compile(r"\b(_[A-Z_]+)\.(\w+)\("), text)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                named[node.value.lineno] = node.targets[0].id
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
                continue
            first, how = node.args[0], node.func.attr
            is_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and how != "escape"
            if is_re and isinstance(first, ast.Constant) and isinstance(first.value, str):
                ways = used.get(named.get(node.lineno, ""), {"search"}) if how == "compile" else {how}
                anchored = (
                    "fullmatch" if ways <= {"fullmatch"} else "match" if ways <= {"match", "fullmatch"} else "search"
                )
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", first.value, anchored


def _ways(calls: re.Pattern[str], text: str) -> dict[str, set[str]]:
    """By which methods the patterns of a text are used."""
    used: dict[str, set[str]] = {}
    for name, way in calls.findall(text):
        used.setdefault(name, set()).add(way)
    return used


def seconds(pattern: str, how: str, length: int = LENGTH) -> float:
    """The longest that looking takes on any of the texts; what seems long is measured again."""
    look = getattr(re.compile(pattern, re.IGNORECASE), how)
    longest = 0.0
    for pump in (*PUMPS, *(f"{word} " for word in sorted(set(re.findall("[a-z]{3,12}", pattern)))[:4])):
        text = pump * (length // len(pump)) + "!"
        took = MOST_S
        for _ in range(3):
            began = time.process_time()
            look(text)
            took = min(took, time.process_time() - began)
            if took < MOST_S:
                break
        longest = max(longest, took)
    return longest


@pytest.mark.soak
def test_every_pattern_ends_soon_on_any_text():
    every = list(patterns())
    assert len(every) > 100
    assert [(where, pattern) for where, pattern, how in every if seconds(pattern, how) >= MOST_S] == []


def test_a_pattern_that_is_read_once_from_each_letter_is_seen():
    assert seconds("<[^>]*>", "search", length=10 * LENGTH) >= MOST_S
