"""What somebody wrote themselves in a mail: quoted history and signatures are cut off before anything is read."""

from __future__ import annotations

import re

MOST = 20_000  # characters that are looked at; whoever writes more has not written a reply
_QUOTE_HEADS = (
    re.compile(r"^\s*(?:on|am|le|el|il|op|den)\b(?=.*\d).{4,200}\b(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef"
               r"|skrev)\b.{0,120}:\s*$", re.I | re.S),
    re.compile(r"^\s*-{2,}\s*(?:original message|ursprüngliche nachricht|message d'origine|forwarded message"
               r"|weitergeleitete nachricht)\s*-{2,}", re.I),
    re.compile(r"^\s*(?:from|von|de)\s*:\s*.+$", re.I),
    re.compile(r"^_{20,}\s*$"),
)  # fmt: skip
_BELOW_FROM = re.compile(r"^\s*(?:sent|date|to|gesendet|datum|an|envoyé|à|subject|betreff)\s*:", re.I)
_SIGNATURE = re.compile(r"^-- ?$")


def own_words(text: str) -> str:
    """The reply without quoted lines, without all that follows the head of a quotation, and without its signature.

    Below a quotation whose lines are marked with `>` people write on; below one that is not, nobody can tell.
    """
    lines = text[:MOST].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept: list[str] = []
    at = 0
    while at < len(lines):
        if (head := _head(lines, at)) and _is_marked(lines, at + head):
            at += head
            continue
        if head or _SIGNATURE.match(lines[at]):
            break
        if not lines[at].lstrip().startswith((">", "|>")):
            kept.append(lines[at].rstrip())
        at += 1
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _head(lines: list[str], at: int) -> int:
    """How many lines the head of a quotation takes that begins here; 0 when none does. "From:" alone is a word."""
    line, both = lines[at], " ".join(lines[at : at + 2])
    wrote, original, sender, rule = _QUOTE_HEADS
    if wrote.match(line) or original.match(line) or rule.match(line):
        return 1
    if len(lines) > at + 1 and wrote.match(both) and not wrote.match(lines[at + 1]):
        return 2
    return int(bool(sender.match(line)) and any(_BELOW_FROM.match(below) for below in lines[at + 1 : at + 4]))


def _is_marked(lines: list[str], at: int) -> bool:
    return next((line for line in lines[at : at + 3] if line.strip()), "").lstrip().startswith(">")
