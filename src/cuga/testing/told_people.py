"""What events say of people: who was asked, who agreed, and what a call may rest on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from cuga.model import event as e
from cuga.model.tool import SideEffect
from cuga.policy.profile import Consent

if TYPE_CHECKING:
    pass
from cuga.testing.told import Asked, Books, Broken

_REMEMBERED = frozenset({"note", "send"})


class People(Books):
    """Reads requests and decisions."""

    def _consented(self, number: int, event: e.ToolCallStart) -> None:
        needed = self._consent_for(event)
        if needed is Consent.NONE:
            return
        asked = self._asked.get(event.approval)
        if asked is None or not asked.agreed:
            raise Broken(f"I3: {self.run}: {event.step} starts without an approval")
        request = asked.request
        is_repeat = bool(request.calls) and self._has_used(event.approval, event.step)  # its consent was used before
        if asked.end and not is_repeat:
            self._broken("I3", f"{event.step} starts on approval {event.approval}, which is {asked.end}")
        bound = (
            asked.calls.get(event.step),
            request.tool,
            request.tool_digest,
            request.adapters,
            request.cost // len(asked.calls),
        )
        if bound != (bytes(event.arguments), event.tool, event.tool_digest, event.adapters, event.cost):
            self._broken("I3", f"{event.step} starts something else than what was approved")
        if event.step in asked.spent:
            self._broken("I3", f"{event.step} is done once more on the approval that was for before")
        if (
            needed is Consent.HUMAN
            and not asked.voters
            and not (asked.agreed and event.side_effect is SideEffect.PROPOSE)
        ):
            self._broken("I3", f"{event.step} starts without a person's word")
        first = not self._has_used(event.approval, event.step)
        lapses = timedelta(seconds=self.setting.approvals.lapses_s)
        if first and asked.voters and asked.at is not None and event.at >= asked.at + lapses:
            self._broken("I3", f"{event.step} starts on an approval that has lapsed")

    def _consent_for(self, event: e.ToolCallStart) -> Consent:
        if event.side_effect is SideEffect.EXECUTE:
            return Consent.HUMAN
        approvals = self.setting.approvals
        return approvals.propose if event.side_effect is SideEffect.PROPOSE else approvals.read_only

    def _has_used(self, approval: str, step: str) -> bool:
        return any(name == step and start.approval == approval for (name, _), (_, start) in self.intents.items())

    def _approval_requested(self, number: int, event: e.ApprovalRequested) -> None:
        asked = self._asked[event.approval_id] = Asked(event, number)
        for step, body in asked.calls.items():
            target = _target(body)
            if (event.tool, target) in self._denied and event.tool in _REMEMBERED:
                self._broken("A6", f"{event.tool} to {target} is asked for again after a denial")
            if self._phase[step] not in ("open", "asked"):
                self._broken("A6", f"{step} is asked for, and it is {self._phase[step]}")
            if event.amends:
                self._amended[step] = [body]
            self._phase[step] = "asked"
        before = self.events[number - 2]
        if event.calls and isinstance(before, e.ApprovalRequested) and before.calls and before.step == event.step:
            self._broken("A6", f"{event.step} is asked for on two cards at once")
        if not event.calls and self._steps[event.step].list_of and not event.amends:
            self._may_be_alone(event)

    def _may_be_alone(self, event: e.ApprovalRequested) -> None:
        """A call of a list is asked for by itself only where a rule agrees in the same breath."""
        following = self.events[self._asked[event.approval_id].version]
        if not (isinstance(following, e.ApprovalReceived) and following.rule):
            self._broken("A6", f"{event.step} of a list is asked for on a card of its own")

    def _approval_received(self, _number: int, event: e.ApprovalReceived) -> None:
        asked = self._asked[event.approval_id]
        if asked.agreed or asked.end:
            self._broken("I4", f"{event.approval_id} is decided twice")
        if event.at >= asked.request.expires_at:
            self._broken("I4", f"{event.approval_id} is decided after it expired")
        if event.rule:
            if asked.request.side_effect is SideEffect.EXECUTE:
                self._broken("I3", f"the rule {event.rule} lets an outside effect pass")
        else:
            self._by_a_person(event, asked)
        if event.verdict is e.Verdict.APPROVE:
            if event.final:
                asked.agreed, asked.at = True, event.at
                self._phase.update(dict.fromkeys(asked.calls, "open"))
            return
        asked.end = event.verdict.value
        refused = [*asked.calls] if event.verdict is e.Verdict.DENY else [*event.without]
        kept = {_target(body) for step, body in asked.calls.items() if step not in refused}
        for step, body in asked.calls.items():
            self._phase[step] = "not done" if step in refused else "open"
            if step in refused and _target(body) not in kept:
                self._denied[asked.request.tool, _target(body)] = event.approval_id

    def _by_a_person(self, event: e.ApprovalReceived, asked: Asked) -> None:
        request = asked.request
        solo = self.setting.solo
        if not solo and (event.by in request.requesters or event.on_behalf_of in request.requesters):
            self._broken("I4", f"{event.by} decides about their own request {event.approval_id}")
        wrote = {author for at, author in self._words if at < asked.version}
        if event.verdict is e.Verdict.APPROVE and not solo and event.by in wrote:
            self._broken("I4", f"{event.by} agrees to {event.approval_id}, which came of their own words")
        if request.amends and not solo:
            writer = self._asked[request.amends]
            if writer.voters and event.by == writer.voters[-1] and writer.end == "amend":
                self._broken("I4", f"{event.by} decides about what they wrote themselves")
        clicks = [
            click for click in self.record.clicks if click.approval_id == event.approval_id and click.by.id == event.by
        ]
        if not any(click.digest == request.digest for click in clicks):
            self._broken("I4", f"{event.by} decided {event.approval_id} having been shown something else")
        if not solo and not any(_holds_a_role(click, event, request.requesters) for click in clicks):
            self._broken("I4", f"{event.by} decided {event.approval_id} without a role")
        if event.verdict is e.Verdict.APPROVE and not solo:
            own = {event.by, event.on_behalf_of} - {""}
            others = [one for one in asked.votes if not own & {one.by, one.on_behalf_of}]
            counted = {one.by for one in others if any(_still_may(click, one, event) for click in clicks)}
            if event.final and len(counted) + 1 < self.setting.approvals.quorum:
                self._broken("I4", f"{event.approval_id} is agreed by {len(counted) + 1} people")
            asked.votes.append(event)
        asked.voters.append(event.on_behalf_of or event.by)
        if event.verdict is e.Verdict.AMEND:
            asked.voters.append(event.by)

    def _approval_ended(self, _number: int, event: Any) -> None:
        asked = self._asked[event.approval_id]
        if asked.end:
            self._broken("I4", f"{event.approval_id} ends twice: {asked.end}, then {e.name_of(event)}")
        if type(event) is e.ApprovalTimeout and (asked.agreed or event.at < asked.request.expires_at):
            self._broken("I4", f"{event.approval_id} expired too early or after it was decided")
        asked.end = e.name_of(event)
        is_over = type(event) in (e.ApprovalTimeout, e.ApprovalRevoked)
        for step in asked.calls:
            if self._phase[step] in ("open", "asked") and not self._has_used(event.approval_id, step):
                self._phase[step] = "not done" if is_over else "open"


def _still_may(click: Any, vote: e.ApprovalReceived, last: e.ApprovalReceived) -> bool:
    """Whether an earlier vote counts when the last one comes: its voter may decide at that time, in whatever name."""
    standing = msgspec.structs.replace(vote, at=last.at)
    return _holds_a_role(click, standing, ()) or _holds_a_role(
        click, msgspec.structs.replace(vote, on_behalf_of=""), ()
    )


def _target(body: bytes) -> str:
    return str(msgspec.json.decode(body).get("to", "")).casefold()


def _holds_a_role(click: Any, event: e.ApprovalReceived, requesters: tuple[str, ...]) -> bool:
    current = click.current
    if event.on_behalf_of:
        return any(
            one.user == event.on_behalf_of
            and one.delegate == event.by
            and one.starts <= event.at < one.ends
            and "approver" in current.roles.get(one.user, ())
            for one in current.delegations
        )
    return "approver" in current.roles.get(event.by, ())
