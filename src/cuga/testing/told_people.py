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
        if asked.end:
            self._broken("I3", f"{event.step} starts on approval {event.approval}, which is {asked.end}")
        bound = (
            request.step,
            request.tool,
            request.tool_digest,
            request.adapters,
            bytes(request.arguments),
            request.cost,
        )
        if bound != (event.step, event.tool, event.tool_digest, event.adapters, bytes(event.arguments), event.cost):
            self._broken("I3", f"{event.step} starts something else than what was approved")
        if (
            needed is Consent.HUMAN
            and not asked.voters
            and not (asked.agreed and event.side_effect is SideEffect.PROPOSE)
        ):
            self._broken("I3", f"{event.step} starts without a person's word")
        first = not any(start.approval == event.approval for _, start in self.intents.values())
        lapses = timedelta(seconds=self.setting.approvals.lapses_s)
        if first and asked.voters and asked.at is not None and event.at >= asked.at + lapses:
            self._broken("I3", f"{event.step} starts on an approval that has lapsed")

    def _consent_for(self, event: e.ToolCallStart) -> Consent:
        if event.side_effect is SideEffect.EXECUTE:
            return Consent.HUMAN
        approvals = self.setting.approvals
        return approvals.propose if event.side_effect is SideEffect.PROPOSE else approvals.read_only

    def _approval_requested(self, number: int, event: e.ApprovalRequested) -> None:
        self._asked[event.approval_id] = Asked(event, number)
        target = str(msgspec.json.decode(event.arguments).get("to", "")).casefold()
        if (event.tool, target) in self._denied and event.tool in _REMEMBERED:
            self._broken("A6", f"{event.tool} to {target} is asked for again after a denial")
        if event.amends:
            self._amended[event.step] = [bytes(event.arguments)]
        self._phase[event.step] = "asked"

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
                self._phase[event.step] = "open"
            return
        asked.end = event.verdict.value
        if event.verdict is e.Verdict.DENY:
            self._phase[event.step] = "not done"
            target = str(msgspec.json.decode(asked.request.arguments).get("to", "")).casefold()
            self._denied[asked.request.tool, target] = event.approval_id
        else:
            self._phase[event.step] = "open"

    def _by_a_person(self, event: e.ApprovalReceived, asked: Asked) -> None:
        request = asked.request
        solo = self.setting.solo
        if not solo and (event.by in request.requesters or event.on_behalf_of in request.requesters):
            self._broken("I4", f"{event.by} decides about their own request {event.approval_id}")
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
            voter = event.on_behalf_of or event.by
            if voter in asked.voters or event.by in asked.voters:
                self._broken("I4", f"{event.by} counts twice for {event.approval_id}")
            if event.final and len(asked.voters) + 1 < self.setting.approvals.quorum:
                self._broken("I4", f"{event.approval_id} is agreed by {len(asked.voters) + 1} people")
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
        self._phase[event.step] = "not done" if is_over else "open"


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
