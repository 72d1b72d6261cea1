"""What drafts are made of: sentences with variables. A sentence with a variable that is not known is left out whole.

The words are plain on purpose (short sentences, one question) and claim nothing that is not in a record.
"""

from __future__ import annotations

import re

from cuga.adapters.capability import TemplateVersion
from cuga.model.value import Value
from cuga.packs.sales.engagement.check_words import fits

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}")
_SENTENCE = re.compile(r"[^.!?\n]*(?:\.(?=\S)[^.!?\n]*)*[.!?]*[ \t]*")


class Template(Value, frozen=True, kw_only=True):
    """Paragraphs of sentences. Alternatives are tried in order: the first subject or block that can be filled is taken.

    `needs` are variables that the message is about: missing ones are told to the user.
    """

    name: str
    channel: str
    subjects: tuple[str, ...] = ()
    blocks: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...] = ()
    first_contact: bool = True


_GREETING = ("{{greeting}} {{first_name}},", "{{greeting}},")
_CLOSING = (
    "{{sign_off}}\n{{sender}}\n{{letterhead}}",
    "{{sign_off}}\n{{letterhead}}",
    "{{sign_off}}\n{{sender}}",
    "{{sign_off}}",
)
_SOURCE = (
    "I have your address from {{data_source}}. What we keep of you: {{privacy_notice}}",
    "I have your address from {{data_source}}.",
    "What we keep of you: {{privacy_notice}}",
)
_PRICE = "The list price of {{product}} is {{price}}."  # only where it shall be named
OUT = "If this is not for you, just tell me and you will not hear from me again."

TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        Template(
            name="first-email",
            channel="email",
            subjects=("{{product}} for {{account}}", "A question about {{account}}",
            "A short question about your plans"),
            blocks=(
                _GREETING,
                (
                    "{{account}} is {{industry_phrase}} with about {{people}} people, and that is why I write to you.",
                    "I write to you because of what you do at {{account}}.",
                    "Your company is new to me, so I will keep this short.",
                ),
                ("{{owner_has}} been in touch with {{account}} about {{product}} since {{since}}.",),
                (
                    "I would like to find out if {{product}} can help you and your team. {{product_fact}} "
                    "If it does not suit what you do, you will hear that from me.",
                    "I would like to find out if {{product}} can help you and your team. "
                    "If it does not suit what you do, you will hear that from me.",
                    "I would like to find out if we can help you and your team. "
                    "If what we sell does not suit what you do, you will hear that from me.",
                ),
                (_PRICE,),
                ("{{ask}}",),
                (OUT,),
                _SOURCE,
                _CLOSING,
            ),
            needs=("recipient_name", "account", "product", "sender"),
        ),
        Template(
            name="follow-up",
            channel="email",
            subjects=("Next step on {{product}}", "Next step for {{account}}", "Your next step"),
            blocks=(
                _GREETING,
                (
                    "{{owner_has}} been in touch with {{account}} about {{product}} since {{since}}.",
                    "I come back to you about {{product}} at {{account}}.",
                    "I come back to you about {{product}}.",
                    "I come back to you with one question.",
                ),
                (
                    "Your plans may have changed, and that is fine. I would only like to know where you stand, so "
                    "that I "
                    "do not take up your time for nothing.",
                ),
                (_PRICE,),
                ("{{ask}}",),
                (OUT,),
                _CLOSING,
            ),
            needs=("recipient_name", "account", "product", "sender"),
            first_contact=False,
        ),
        Template(
            name="linkedin-note",
            channel="linkedin",
            blocks=(
                _GREETING,
                ("I would like to learn how {{account}} works with products like {{product}}.",
                 "I would like to learn how you work at {{account}}.",
                 "I would like to learn how you work."),
                ("Shall we connect?",),
                ("{{sender}}",),
            ),
            needs=("recipient_name", "account"),
        ),
        Template(
            name="text-message",
            channel="sms",
            blocks=(
                ("{{greeting}} {{first_name}}, {{sender}} here about {{product}}.",
                 "{{greeting}} {{first_name}}, {{sender}} here.", "{{greeting}}, {{sender}} here.",
                 "{{greeting}} {{first_name}}.", "{{greeting}}."),
                ("May I call you next week about {{account}}?", "May I call you next week?"),
                ("Say stop and I will not write again.",),
            ),
            needs=("recipient_name", "account", "sender"),
        ),
        Template(
            name="call-opening",
            channel="call",
            blocks=(
                ("{{greeting}} {{first_name}}, this is {{sender}}.", "{{greeting}}, this is {{sender}}.",
                "{{greeting}} {{first_name}}.",
                 "{{greeting}}."),
                ("I am calling {{account}} about {{product}}.", "I am calling {{account}} with one question.",
                "I am calling with one question."),
                ("Do you have half a minute, so that I can say why, and you decide if we go on?",),
            ),
            needs=("recipient_name", "account", "sender"),
        ),
    )
}  # fmt: skip
DEFAULT = {"email": "first-email", "linkedin": "linkedin-note", "sms": "text-message", "call": "call-opening"}
STYLES = {
    "plain": {"greeting": "Hello", "sign_off": "Best regards"},
    "friendly": {"greeting": "Hi", "sign_off": "All the best"},
    "formal": {"greeting": "Good day", "sign_off": "Yours sincerely"},
}
ASKS = (  # words of the goal -> the one question
    (("demo", "show"), "Would a short demo next week help you decide?"),
    (("call", "meeting", "talk", "meet", "appointment"), "Would a call of 15 minutes next week suit you?"),
    (("renew", "renewal"), "What would you want to change before you renew?"),
    (("feedback", "check in", "update"), "Where do you stand today?"),
    ((), "What would {{product}} have to do better than what you use today?"),
    ((), "What would help your team most right now?"),
)


_ROW = {
    "second": "second", "2nd": "second", "again": "second", "third": "third", "3rd": "third", "fourth": "fourth",
    "4th": "fourth", "last": "last", "final": "last",
}  # fmt: skip


def ask_for(goal: str, values: dict[str, str]) -> str:
    """The one question that suits a goal in a seller's words and can be asked with what is known."""
    words = set(re.findall(r"[a-z]+", goal.casefold()))
    return first_filled(tuple(ask for wanted, ask in ASKS if not wanted or words & set(wanted)), values)


def purpose_of(goal: str) -> str:
    """What a goal is after, apart from its wording: the kind of question it asks and which one of a row it is."""
    words = re.findall(r"[a-z0-9]+", goal.casefold())
    asked = next((min(wanted) for wanted, _ in ASKS if set(wanted) & set(words)), "")
    counted = next((_ROW[word] for word in words if word in _ROW), "")
    return " ".join(part for part in (counted, asked) if part)


def of_version(version: TemplateVersion) -> Template:
    """A version in the shape that drafts are made of."""
    return Template(
        name=f"{version.name}@{version.version}",
        channel=version.channel,
        subjects=(version.subject,) if version.subject else (),
        blocks=((version.body,),),
        needs=version.needs,
    )


def variables(text: str) -> tuple[str, ...]:
    """The variables of a text, in order, each once."""
    return tuple(dict.fromkeys(_VARIABLE.findall(text)))


def fill(text: str, values: dict[str, str]) -> str | None:
    """The text with its variables filled, or None when one of them is not known or is empty."""
    if any(not values.get(name, "").strip() for name in variables(text)):
        return None
    return _VARIABLE.sub(lambda found: values[found.group(1)].strip(), text)


def all_filled(alternatives: tuple[str, ...], values: dict[str, str]) -> list[str]:
    """The alternatives that can be filled, in order."""
    return [filled for text in alternatives if (filled := fill(text, values)) is not None]


def first_filled(alternatives: tuple[str, ...], values: dict[str, str]) -> str:
    """The first alternative that can be filled; the empty text when none can."""
    return next((filled for text in alternatives if (filled := fill(text, values)) is not None), "")


def render(template: Template, values: dict[str, str]) -> tuple[str, str]:
    """Subject and body: every block that can be filled, one paragraph each (one line in a text message).

    On a channel that takes only so many characters plainer alternatives are taken, those of the last block first.
    """
    filled = [found for block in template.blocks if (found := all_filled(block, values))]
    between = " " if template.channel == "sms" else "\n\n"
    while not fits(template.channel, body := between.join(found[0] for found in filled)):
        longest = next((at for at in reversed(range(len(filled))) if len(filled[at]) > 1), None)
        if longest is None:
            break  # nothing plainer is left; the check of the message says that it is too long
        del filled[longest][0]
    return first_filled(template.subjects, values), body


def render_own(text: str, values: dict[str, str]) -> tuple[str, tuple[str, ...]]:
    """A user's own template: sentences with an unknown variable are left out, and the variables are named."""
    missing = tuple(name for name in variables(text) if not values.get(name, "").strip())
    kept = []
    for line in text.splitlines():
        filled = [fill(sentence, values) for sentence in _SENTENCE.findall(line) if sentence]
        kept.append("".join(part for part in filled if part is not None).rstrip())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip(), missing
