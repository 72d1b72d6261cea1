"""What is different is shown value by value, and the end of it is never hidden behind something else."""

from __future__ import annotations

from cuga.tools.mcp import differences
from cuga.tools.mcp.definition import definition_of, definitions_of

A = {
    "name": "a",
    "description": "Sends mail.",
    "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}}},
}


def test_a_field_more_is_one_line():
    now = {**A, "inputSchema": {"type": "object", "properties": {"to": {"type": "string"}, "bcc": {"type": "string"}}}}
    (found,) = differences(definitions_of([A]), definitions_of([now]))
    assert (found.tool, found.kind) == ("a", "changed")
    assert found.lines == ('+ inputSchema.properties.bcc.type: "string"',)


def test_a_change_shows_what_was_and_what_is_with_its_line_breaks():
    (found,) = differences(definitions_of([A]), definitions_of([{**A, "description": "Sends mail.\nAnd more."}]))
    assert found.lines == ('- description: "Sends mail."', '+ description: "Sends mail.\\nAnd more."')


def test_new_and_gone_tools_are_told():
    found = differences(definitions_of([A]), definitions_of([{**A, "name": "b"}]))
    assert [(one.tool, one.kind) for one in found] == [("a", "gone"), ("b", "new")]
    assert '+ description: "Sends mail."' in found[1].lines


def test_the_same_tools_are_no_difference_unless_they_come_from_elsewhere():
    same = definitions_of([A])
    assert differences(same, definitions_of([A])) == ()
    (found,) = differences(same, definitions_of([A]), has_moved=True)
    assert found.kind == "changed" and "another place" in found.lines[0]


def test_a_difference_that_is_too_long_says_how_much_is_left():
    long = definition_of(
        {
            "name": "a",
            "inputSchema": {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(300)}},
        }
    )
    (found,) = differences({}, {"a": long})
    assert len(found.lines) == 201 and found.lines[-1] == "  and 102 more lines"
