"""Somebody who shall not be written to, as a remark says it: the deed stays, and who else it is for is asked.

"Do not write to Nora Tessler" is about one recipient. It takes no step out of the plan, and nobody takes her place by a
guess: where the message was for her, a person says for whom it is instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cuga.planning.clauses import Clause
from cuga.planning.filling import Context, Filled
from cuga.planning.mentions import Mention
from cuga.planning.revising import AGAINST, SPARED, Revision

WHO = frozenset({"address", "contact", "role"})  # kinds of mentions that say who a message is for
MOST_OPTIONS = 5
_OF_A_LIST = "whom a list is for is known once it runs: take that one off there, `cuga amend APPROVAL --drop NUMBER`"


def settle(revision: Revision, named: Sequence[Mention]) -> None:
    """Take remarks against writing to something for what they are: about a person, or about the deed."""
    for remark in revision.remarks:
        if remark.kind == SPARED:
            said = remark.value.casefold()
            remark.whom = tuple(m for m in named if m.kind in WHO and (m.written or m.value).casefold() in said)
            remark.why = _OF_A_LIST
            if not remark.whom:
                remark.kind, remark.why, remark.takes_out = "", AGAINST, True


def is_about_somebody(clause: Clause, revision: Revision) -> bool:
    """Whether a negated clause is such a remark, and so about no step."""
    said = {word.text.casefold() for word in clause.words}
    told = [one.text.casefold() for one in revision.remarks if one.kind == SPARED]
    return any(said <= set(re.findall(r"[\w'’-]+", text)) for text in told)


def names_nobody_else(mention: Mention, revision: Revision) -> bool:
    """Whether somebody is named only as not to be written to."""
    wanted = [one.text.casefold() for one in revision.remarks if one.kind != SPARED and not one.is_against]
    is_wanted = any((mention.written or mention.value).casefold() in text for text in wanted)
    return not is_wanted and any(mention in one.whom for one in revision.remarks)


def without_spared(value: Any, step: Filled, context: Context) -> Any:
    """The recipient of a step, or a question who it shall be when somebody said that it shall not be this one."""
    around = context.records.contacts(step.account.record or step.account.value) if step.account else []
    said = str(value or "").casefold()
    is_known = "@" in said or said in {person.id.casefold() for person in around}
    for remark in context.revision.remarks:
        if remark.kind != SPARED or step.is_of_many:
            continue
        names = {word.casefold() for one in remark.whom for word in (one.value, one.record) if word}
        spared = [one for one in around if names & {one.id.casefold(), one.email.casefold(), one.name.casefold()}]
        names |= {word.casefold() for one in spared for word in (one.id, one.email) if word}
        if said in names or (spared and not is_known):  # a role, or nobody by name: it could be them
            others = tuple(person.name for person in around if person.name and person not in spared)
            remark.heeded = "you are asked for whom it is instead"
            context.ask(f"For whom is it instead? You said: {remark.text}.", others[:MOST_OPTIONS])
        else:
            remark.heeded = "it is for somebody else"
    return value
