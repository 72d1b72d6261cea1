"""Templates of the house's own: each change a version, each version tried, with its results beside it."""

import msgspec
import pytest

from cuga.adapters.offline import TemplateShelf
from cuga.errors import BadInput, NotDone
from cuga.packs.sales.engagement.drafting import draft_outbound_message
from cuga.packs.sales.engagement.library import FILLED, manage_template_library
from cuga.packs.sales.engagement.quality import assess_message_quality
from cuga.packs.sales.engagement.sending import send_message
from cuga.packs.sales.engagement.templates import STYLES, TEMPLATES, variables
from cuga.packs.sales.sample import HERO

BODY = "{{greeting}} {{first_name}},\n\nWe plan shifts for {{account}}. {{ask}}\n\n{{sign_off}}\n{{sender}}"


@pytest.fixture
def desk(context, tmp_path):
    shelf = TemplateShelf(tmp_path / "templates")
    return msgspec.structs.replace(context, capabilities={**context.capabilities, "templates": shelf})


def manage(desk, key="k", **arguments):
    return manage_template_library(msgspec.structs.replace(desk, key=key), **arguments)


def add(desk, key="k1", **changes):
    said = {"action": "add", "name": "shifts", "body": BODY, "subject": "Shifts at {{account}}", **changes}
    return manage(desk, key, **said)


def test_a_template_is_added_changed_retired_and_each_version_stays(desk):
    assert add(desk).did == "shifts added: version 1"
    changed = manage(desk, "k2", action="change", name="shifts", body=BODY + " ", subject="Your shifts", version=1)
    assert [(one.version, one.state) for one in changed.templates] == [(1, "active"), (2, "active")]
    manage(desk, "k3", action="retire", name="shifts")
    assert manage(desk, action="read", name="shifts", version=1).text.startswith("Subject: Shifts at {{account}}")
    listed = manage(desk, name="shifts").templates
    assert [(one.version, one.state, one.own) for one in listed] == [(3, "retired", True)]
    assert add(desk, "k4").did == "shifts added: version 4"


def test_the_same_call_again_makes_no_second_version(desk):
    assert add(desk).did == add(desk).did
    assert len(desk.capability("templates").versions("shifts")) == 1


def test_who_changes_an_older_version_is_told_and_nothing_is_lost(desk):
    add(desk)
    manage(desk, "k2", action="change", name="shifts", body=BODY, subject="Two words")
    with pytest.raises(BadInput, match="stands at version 2"):
        manage(desk, "k3", action="change", name="shifts", body=BODY, subject="Two words", version=1)
    shelf = desk.capability("templates")
    last = shelf.versions("shifts")[-1]
    for number in (2, 4):
        with pytest.raises(NotDone, match="stands at version 2"):
            shelf.add(msgspec.structs.replace(last, version=number, key="other"))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"body": "Hello {{nickname}}"}, "nobody can fill {{nickname}}"),
        ({"body": " "}, "needs a body"),
        ({"subject": ""}, "and a subject"),
        ({"needs": ("growth",)}, "declared and not used"),
        ({"body": "Hello [NAME]"}, "was not filled"),
        ({"body": "word " * 300}, "is not read"),
        ({"body": "x" * 200, "channel": "sms", "subject": ""}, "one text message"),
        ({"name": "../evil"}, "cannot name"),
        ({"name": "first-email"}, "cannot be changed"),
        ({"name": ""}, "needs the name"),
        ({"action": "change"}, "is not there"),
        ({"action": "retire"}, "is not there"),
        ({"action": "read"}, "no template"),
    ],
)
def test_what_drafts_could_not_use_is_not_kept(desk, changes, why):
    with pytest.raises(BadInput) as caught:
        add(desk, **changes)
    assert why in str(caught.value) and desk.capability("templates").versions() == ()


def test_what_is_shipped_can_be_read_and_every_variable_that_it_uses_can_be_tried(desk):
    assert "{{greeting}}" in manage(desk, action="read", name="first-email").text
    used = {v for t in TEMPLATES.values() for block in t.blocks for text in block for v in variables(text)}
    assert used <= set(FILLED) and {key for style in STYLES.values() for key in style} <= set(FILLED)


def test_a_draft_takes_the_newest_version_or_the_one_that_is_named_and_says_which(desk):
    add(desk)
    manage(desk, "k2", action="change", name="shifts", body=BODY.replace("plan", "count"), subject="Your shifts")
    new = draft_outbound_message(desk, recipient="buyer", account=HERO, template="shifts")
    assert (new.template, new.subject) == ("shifts@2", "Your shifts") and "count shifts for Velkarin" in new.body
    old = draft_outbound_message(desk, recipient="buyer", account=HERO, template="shifts@1")
    assert (old.template, old.subject) == ("shifts@1", f"Shifts at {HERO}")
    assert assess_message_quality(desk, old).score > 0
    manage(desk, "k3", action="retire", name="shifts")
    with pytest.raises(BadInput, match="no template 'shifts'"):
        draft_outbound_message(desk, recipient="buyer", account=HERO, template="shifts")


def test_a_variable_that_nobody_knows_blocks_the_message_of_an_own_template(desk):
    add(desk, body=BODY + "\n\nYou grew by {{growth}}.", needs=("growth",))
    message = draft_outbound_message(desk, recipient="buyer", account=HERO, template="shifts")
    assert "grew" not in message.body and [u.field for u in message.unfilled if u.blocking] == ["growth"]


def test_results_stand_beside_the_version_that_they_are_of(desk):
    add(desk)
    message = draft_outbound_message(desk, recipient="buyer", account=HERO, template="shifts", sender="Ada")
    send_message(desk, message)
    (row,) = manage(desk, name="shifts").templates
    assert (row.results.sent, row.results.replies) == (1, 0)


def test_a_library_that_cannot_be_read_is_no_empty_one(desk, tmp_path):
    add(desk)
    (tmp_path / "templates" / "shifts@1.json").write_text("{")
    with pytest.raises(NotDone, match="cannot be read"):
        manage(desk)
