"""An answer of a server as a value: structured content, text, or pieces of which bytes are only told."""

from __future__ import annotations

import base64

import pytest

from cuga.errors import Unanswered
from cuga.tools.mcp.answer import value_of
from cuga.tools.mcp.definition import definition_of

PLAIN = definition_of({"name": "t", "inputSchema": {"type": "object"}})
TYPED = definition_of(
    {"name": "t", "inputSchema": {"type": "object"}, "outputSchema": {"type": "object", "required": ["a"]}}
)


def text(said: str) -> dict:
    return {"type": "text", "text": said}


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ({"content": [text("hi")]}, {"text": "hi"}),
        ({"content": [text("a"), text("b")]}, {"text": "a b"}),
        ({"content": [text('{"a": 1}')]}, {"text": '{"a": 1}', "json": {"a": 1}}),
        ({"content": [text("[broken")]}, {"text": "[broken"}),
        ({"content": [text("x")], "structuredContent": {"a": 1}}, {"a": 1}),
        ({"content": []}, {"content": []}),
        ({}, {"content": []}),
    ],
)
def test_what_was_said_is_kept(raw, value):
    assert value_of(raw, "s", PLAIN) == value


def test_bytes_are_told_by_size_and_digest():
    data = base64.b64encode(b"picture").decode()
    raw = {"content": [text("see"), {"type": "image", "data": data, "mimeType": "image/png"}]}
    picture = value_of(raw, "s", PLAIN)["content"][1]
    assert picture["size"] == 7 and len(picture["sha256"]) == 64 and "data" not in picture
    inside = {"content": [{"type": "resource", "resource": {"uri": "x:1", "blob": "no base64!"}}]}
    assert value_of(inside, "s", PLAIN)["content"][0]["resource"]["size"] == 10


@pytest.mark.parametrize(
    "raw",
    [
        {"content": [text("no")], "isError": True},
        {"isError": True},
        {"resultType": "input_required"},
        {"resultType": "task", "taskId": "1"},
        {"content": "text"},
        {"content": ["text"]},
    ],
)
def test_what_is_no_answer_leaves_it_open(raw):
    with pytest.raises(Unanswered):
        value_of(raw, "s", PLAIN)


def test_structured_content_is_held_to_the_tools_own_schema():
    assert value_of({"content": [], "structuredContent": {"a": 1}}, "s", TYPED) == {"a": 1}
    with pytest.raises(Unanswered, match="its own schema"):
        value_of({"content": [], "structuredContent": {"b": 1}}, "s", TYPED)
    broken = definition_of({"name": "t", "outputSchema": {"type": "no such type"}})
    with pytest.raises(Unanswered, match="cannot be used"):
        value_of({"content": [], "structuredContent": {"b": 1}}, "s", broken)
