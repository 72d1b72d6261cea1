"""The words of an HTML mail. Tags are dropped and never obeyed; what a mail quotes is marked as a quotation."""

from __future__ import annotations

import re
from html import unescape

MOST = 400_000  # characters of HTML that are looked at


def as_text(html: str) -> str:
    """Plain text, a line for each paragraph; unknown and broken tags go, and what is between them stays."""
    text = re.sub(r"(?is)<(script|style|head|title)\b.*?(?:</\1\s*>|\Z)", " ", html[:MOST])
    # no tag reaches over the next `<`: else a page of nothing but those would be read once from each of them
    quoted = r"(?i)<(?:blockquote|div(?=[^<>]{0,200}gmail_quote))\b[^<>]*>"
    text = re.sub(quoted, "\n----- original message -----\n", text)
    text = re.sub(r"(?i)<(?:br|/p|/div|/tr|/li|/h\d)\b[^<>]*>", "\n", text)
    text = unescape(re.sub(r"<[^<>]*>", " ", text))
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))
