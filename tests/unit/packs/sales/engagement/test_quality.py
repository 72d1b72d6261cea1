"""Checks of a message: each says where; none rewrites; a known flaw is always found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuga.errors import BadInput
from cuga.packs.sales.engagement import readability
from cuga.packs.sales.engagement.check_words import sms_length
from cuga.packs.sales.engagement.checks import CHECKS, Text, of
from cuga.packs.sales.engagement.message import Message, Unfilled
from cuga.packs.sales.engagement.quality import POINTS, assess_message_quality, judge
from cuga.packs.sales.sample import HERO
from cuga.tools.declare import ToolContext

GOOD = (
    "Hello Nora,\n\nYou plan shifts for 420 people at Velkarin Foods, and you do it by hand. Other teams of your size "
    "told us that "
    "this takes them a day each week. I would like to show you how they do it now.\n\nWould a short call on Tuesday "
    "suit you?\n\n"
    "If not, just say so and you will not hear from me again.\n\nBest regards\nAda"
)


def found(body, **others):
    text = Text(
        **{
            "body": body,
            "subject": "Shifts at Velkarin Foods",
            "recipient_name": "Nora Tessler",
            "account": HERO,
            **others,
        }
    )
    return {issue.check: issue for issue in of(text)}


def test_a_good_message_is_left_alone():
    judged = judge(Text(body=GOOD, subject="Shifts at Velkarin Foods", recipient_name="Nora Tessler", account=HERO))
    assert judged.issues == () and (judged.score, judged.grade, judged.ready_to_send) == (100, "A", True)
    assert (judged.quality_score, judged.overall_score, judged.passed) == (100, 100, True)


@pytest.mark.parametrize(
    ("check", "weight", "body", "others"),
    [
        ("unfilled", "blocking", GOOD.replace("Nora", "{{first_name}}"), {}),
        ("unfilled", "blocking", GOOD.replace("Nora", "[NAME]"), {}),
        ("unfilled", "blocking", GOOD.replace("Velkarin Foods", "null"), {}),
        ("unfilled", "blocking", "Hello ,, how are you at .", {}),
        ("length", "warning", "Hello Nora, would you call me?", {}),
        ("length", "warning", GOOD + " You see." * 40, {}),
        ("length", "blocking", GOOD + " You see." * 90, {}),
        ("length", "blocking", "x" * 301, {"channel": "linkedin"}),
        ("length", "note", "Hello Nora. " + "you " * 50, {"channel": "linkedin"}),
        ("length", "warning", "you " * 80, {"channel": "call"}),
        ("length", "blocking", "you " * 41, {"channel": "sms"}),
        ("length", "blocking", "ў" + "you " * 18, {"channel": "sms"}),
        ("length", "blocking", " ", {}),
        ("subject", "blocking", GOOD, {"subject": ""}),
        ("subject", "blocking", GOOD, {"subject": "Re: our call"}),
        ("subject", "warning", GOOD, {"subject": "Hi"}),
        ("subject", "warning", GOOD, {"subject": "Extraordinarily comprehensive opportunities for organizations"}),
        (
            "ease",
            "warning",
            "Organizational transformation necessitates comprehensive interdepartmental collaboration. " * 6,
            {},
        ),
        ("ask", "warning", GOOD.replace("?", "."), {}),
        ("ask", "warning", GOOD + "\nOr Friday?", {}),
        ("you", "warning", "We make our things. We sell our things. I like our things. " * 5, {}),
        ("links", "warning", GOOD + " https://a.example https://b.example", {}),
        ("links", "blocking", GOOD + ' <img src="x">', {}),
        ("links", "warning", GOOD + " See the attached file.", {}),
        ("shouting", "warning", GOOD + "!!", {}),
        ("shouting", "warning", GOOD + " THIS WEEK ONLY NOW", {}),
        ("spam", "warning", GOOD + " Act now, it is risk-free.", {}),
        ("filler", "warning", "I hope this email finds you well. " + GOOD, {}),
        ("names", "blocking", GOOD.replace("Hello Nora", "Hello Norah"), {}),
        ("names", "blocking", GOOD.replace("Hello Nora", "Hello Peter"), {}),
        ("names", "blocking", GOOD + " Tornwick Logistics too.", {"names": ("Tornwick Logistics",)}),
        ("claims", "warning", GOOD + " We cut costs by 40 percent.", {}),
        ("pressure", "warning", GOOD + " This is your last chance.", {}),
        (
            "personal",
            "warning",
            GOOD.replace("Nora", "").replace("Velkarin Foods", "work"),
            {"subject": "Shifts in plants"},
        ),
    ],
)
def test_each_flaw_is_found(check, weight, body, others):
    issues = [
        i
        for i in of(
            Text(
                **{
                    "body": body,
                    "subject": "Shifts at Velkarin Foods",
                    "recipient_name": "Nora Tessler",
                    "account": HERO,
                    **others,
                }
            )
        )
        if i.check == check
    ]
    assert weight in {issue.weight for issue in issues}


def test_an_issue_points_at_its_place():
    body = GOOD + " Act now!!"
    for issue in of(Text(body=body, subject="Shifts at work", recipient_name="Nora Tessler")):
        if issue.text:
            assert body[issue.start : issue.end] == issue.text


def test_a_claim_with_a_source_and_a_capital_letter_are_no_flaw_and_no_merit():
    assert "claims" not in found(GOOD + " You said 40 percent.", facts=("40 percent",))
    assert "personal" in found(
        "Big Capital Words In Every Line Here Today?", account="Other", recipient_name="Zoe", subject="Some Words"
    )


def test_the_sample_of_a_bad_message_fails(context):
    bad = (
        "Hi Jane, I hope this email finds you well. We are the leading provider of AI-powered synergies. "
        "Let me know your thoughts!!!"
    )
    judged = assess_message_quality(context, bad)
    assert not judged.ready_to_send and {"subject", "filler", "spam", "claims", "shouting"} <= {
        i.check for i in judged.issues
    }


def test_a_text_with_a_subject_line_and_a_known_reader_is_compared_with_the_record(context):
    judged = assess_message_quality(
        context, "Subject: Shifts at Velkarin Foods\n\n" + GOOD, recipient="nora.tessler@velkarin-foods.example"
    )
    assert judged.passed and judged.score == 100
    wrong = assess_message_quality(
        context, GOOD.replace("Nora", "Laura"), subject="Shifts at Velkarin Foods", recipient="Nora Tessler"
    )
    assert any(issue.check == "names" for issue in wrong.issues)


def test_a_draft_that_lacks_its_reader_passes_but_is_not_ready():
    draft = Message(
        body=GOOD,
        subject="Shifts at Velkarin Foods",
        recipient_name="Nora",
        unfilled=(Unfilled(field="recipient", why="?", blocking=True),),
    )
    judged = assess_message_quality(ToolContext.for_tests(), draft)
    assert judged.passed and not judged.ready_to_send and "recipient" in judged.notes[0]


def test_an_unknown_channel_is_refused(context):
    with pytest.raises(BadInput, match="channel"):
        assess_message_quality(context, GOOD, channel="pigeon")
    assert assess_message_quality(context, GOOD, channel="call").channel == "call"


def test_points_add_up():
    assert sum(POINTS.values()) == 100 and set(POINTS) == set(CHECKS)


@pytest.mark.parametrize(
    ("word", "count"),
    [("area", 3), ("unplanned", 2), ("made", 1), ("table", 2), ("worked", 1), ("created", 3), ("you", 1)],
)
def test_syllables(word, count):
    assert abs(readability.syllables(word) - count) <= (1 if word in ("area", "created") else 0)


def test_plain_words_read_easier_than_long_ones():
    assert (
        readability.flesch("We go home. It is late.")
        > 100
        > 30
        > readability.flesch("Organizational heterogeneity necessitates clarification.")
    )
    assert readability.flesch("...") is None


@given(st.text(max_size=200), st.text(max_size=60))
def test_any_text_is_judged_the_same_twice_and_never_rewritten(body, subject):
    text = Text(body=body, subject=subject, recipient_name="Nora Tessler", account=HERO)
    judged = judge(text)
    assert judged == judge(text) and 0 <= judged.score <= 100
    for issue in judged.issues:
        if issue.text:
            assert getattr(text, issue.part)[issue.start : issue.end].strip() == issue.text.strip()


def test_limits_can_be_set_and_only_those_that_there_are():
    context = ToolContext.for_tests()
    short = "Hello Nora, would a call on Tuesday suit you?"
    assert "length" not in {i.check for i in assess_message_quality(context, short, limits={"fewest": 5}).issues}
    with pytest.raises(BadInput, match="no limit 'colour'"):
        assess_message_quality(context, short, limits={"colour": 1})


@pytest.mark.parametrize(
    ("text", "length"), [("a" * 160, (160, 160)), ("€", (2, 160)), ("ў", (1, 70)), ("\N{GRINNING FACE}", (2, 70))]
)
def test_a_text_message_is_counted_as_networks_count_it(text, length):
    assert sms_length(text) == length
