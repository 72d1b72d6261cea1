"""Consent to exactly one call: its digest, the request that shows it, the rules that may agree in advance.

What a person approved is bound by a digest over the call; any drift asks again. Silence never approves.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from cuga.kernel.asked import Asked
from cuga.kernel.ending import refuse
from cuga.kernel.facts_of_approvals import each_of
from cuga.kernel.facts_of_steps import is_one_time
from cuga.kernel.references import Unresolved, pointed
from cuga.kernel.state import Phase, RunState
from cuga.kernel.turn import Turn
from cuga.kernel.written import fed_by_model, raised, told
from cuga.model import event as e
from cuga.model.failure import FailureMode
from cuga.model.plan import Step
from cuga.model.tool import Repeatable, SideEffect, ToolContract
from cuga.model.value import digest_bytes, encode
from cuga.policy.access import has_asked, is_solo
from cuga.policy.budget import charges
from cuga.policy.judge import Ruling
from cuga.policy.profile import Consent, Profile, StandingRule

NO_CLAIMS: tuple[e.Claim, ...] = ()
MAX_PENDING = 20  # open approvals of one run
MOST_LEFT_OUT = 5  # calls of a list that are named one by one


def idempotency_key(run_id: str, step: str, consent: int, arguments: msgspec.Raw) -> str:
    """The key of one consented effect: the same for every attempt at it, another after a person said "again"."""
    return digest_bytes(f"{run_id}\n{step}\n{consent}\n".encode() + arguments)


def call_digest(state: RunState, step: Step, ruling: Ruling, arguments: msgspec.Raw, key: str) -> str:
    """What an approval binds: change any of it and the approval no longer fits."""
    start = state.started
    return digest_bytes(
        encode(
            [
                "cuga.approval/1",
                start.tenant,
                state.run_id,
                step.step_id,
                step.tool,
                ruling.tool_digest,
                [ruling.adapters, ruling.places] if ruling.places else ruling.adapters,
                step.side_effect.value,
                start.policy_digest,
                step.cost,
                key,
                start.requester.id,
                msgspec.Raw(arguments),
            ]
        )
    )


def effect_of(contract: ToolContract, arguments: msgspec.Raw) -> str:
    """What the call would do to whom, in a form that another wording of the same wish shares."""
    kind, *paths = contract.effect_key or ("",)
    if kind:
        value = msgspec.json.decode(arguments)
        try:
            return f"{kind}:" + "|".join(folded(pointed(value, path)) for path in paths)
        except Unresolved:
            pass
    return f"{contract.name}:{digest_bytes(bytes(arguments))}"


def agreed(
    turn: Turn,
    step: Step,
    contract: ToolContract,
    ruling: Ruling,
    arguments: msgspec.Raw,
    key: str,
    wanted: tuple[e.Claim, ...],
) -> str | None:
    """The approval that covers exactly this call, or None after asking for one. `wanted` is what the call would take:
    nobody is asked about what was done already and can happen only once.
    """
    s = turn.state
    step_id = step.step_id
    digest = call_digest(s, step, ruling, arguments, key)
    grant = s.grants.get(step_id) or s.approved.get(step_id)
    if grant is not None and grant.digest == digest:
        return grant.approval_id
    if turn.doubt(step_id, "the approved call has changed since"):
        return None
    if step_id in s.grants:
        turn.emit(
            e.ApprovalSuperseded(
                at=turn.now,
                approval_id=s.grants[step_id].approval_id,
                step=step.list_of or step_id,
                reason="the call has changed since",
            )
        )
    effect = effect_of(contract, arguments)
    if effect in s.denied:
        refuse(
            turn,
            step_id,
            "denied-before",
            f"the same effect was denied in this run: {s.denied[effect]}",
            FailureMode.POLICY_APPROVAL,
        )
        return None
    if len(s.pending) >= MAX_PENDING:
        turn.holds["approvals"] = f"{MAX_PENDING} approvals of this run are open already"
        return None
    free = free_of(wanted)
    askers = s.askers.get(step_id, ())
    rule, claims = "", NO_CLAIMS
    if not is_seconded(contract, arguments):  # no rule stands for two people
        rule, claims = _standing_consent(turn, step, ruling, arguments)
    if step.list_of and not rule:
        asked = Asked(step, contract, ruling, arguments, digest, effect, free, askers)
        turn.asked.setdefault(step.list_of, []).append(asked)
        return None
    turn.emit(request(turn, step, contract, ruling, arguments, digest, effect, requesters=askers, free=free))
    if not rule:
        return None
    turn.take(claims)
    approval_id = s.awaiting[step_id]
    turn.emit(
        e.ApprovalReceived(
            at=turn.now,
            approval_id=approval_id,
            step=step_id,
            verdict=e.Verdict.APPROVE,
            digest=digest,
            final=True,
            rule=rule,
            reason="agreed in advance by this rule",
            claims=claims,
        )
    )
    return approval_id


def free_of(wanted: tuple[e.Claim, ...]) -> tuple[e.Claim, ...]:
    """Claims that take nothing and hold only while what could be taken once is free; a share of a rate is not asked."""
    return tuple(e.Claim(scope=one.scope, amount=0, limit=one.limit - one.amount) for one in wanted if is_one_time(one))


def request(
    turn: Turn,
    step: Step,
    contract: ToolContract,
    ruling: Ruling,
    arguments: msgspec.Raw,
    digest: str,
    effect: str,
    amends: str = "",
    requesters: tuple[str, ...] = (),
    free: tuple[e.Claim, ...] = (),
    calls: tuple[e.ListedCall, ...] = (),
) -> e.ApprovalRequested:
    """The request for exactly this call, or these. Its id follows from the run and how often it has asked."""
    s = turn.state
    rules = turn.rules.profile.approvals
    asked = sum(1 for _ in s.closed) + len(s.pending) + 1
    consequences = _consequences(contract, turn.rules.profile, ruling)
    if calls:
        consequences = (*_of_list(turn, step, calls), *consequences)
    if step.unproven:
        consequences = (f"A model brought these, from no goal and no record: {_named(step.unproven)}.", *consequences)
    risk, wrote = _risk(contract, step), fed_by_model(s, step)
    if wrote is not None:
        risk, consequences = raised(risk, wrote), (told(wrote), *consequences)
    return e.ApprovalRequested(
        at=turn.now,
        approval_id=f"{s.run_id}-a{asked}",
        step=step.step_id,
        digest=digest,
        tool=step.tool,
        tool_digest=ruling.tool_digest,
        arguments=arguments,
        side_effect=step.side_effect,
        cost=step.cost,
        adapters=ruling.adapters,
        effect=effect,
        requesters=tuple(dict.fromkeys((*requesters, *s.requesters))),
        roles=rules.roles,
        quorum=max(rules.quorum, 2) if _any_seconded(contract, arguments, calls) else rules.quorum,
        risk=risk,
        reason=step.reason,
        consequences=consequences,
        expires_at=turn.in_seconds(rules.expires_s),
        escalates_at=turn.in_seconds(rules.escalates_s) if rules.escalates_s else None,
        escalates_to=rules.escalates_to if rules.escalates_s else (),
        amends=amends,
        claims=free,
        calls=calls,
    )


def list_digest(name: str, calls: tuple[e.ListedCall, ...]) -> str:
    """What an approval of a list binds: each of its calls, exactly, in their order, and no other."""
    return digest_bytes(encode(["cuga.approval.list/1", name, [call.digest for call in calls]]))


def list_request(turn: Turn, name: str, asked: list[Asked], amends: str = "") -> e.ApprovalRequested:
    """The one request for calls of a list."""
    first = asked[0]
    calls = tuple(e.ListedCall(step=one.step.step_id, digest=one.digest, effect=one.effect) for one in asked)
    whole = msgspec.structs.replace(first.step, step_id=name, cost=sum(one.step.cost for one in asked))
    return request(
        turn,
        whole,
        first.contract,
        first.ruling,
        msgspec.Raw(encode([one.arguments for one in asked])),
        list_digest(name, calls),
        "",  # each call has its own
        amends=amends,
        requesters=tuple(dict.fromkeys(name for one in asked for name in one.requesters)),
        free=tuple(claim for one in asked for claim in one.free),
        calls=calls,
    )


def _any_seconded(contract: ToolContract, arguments: msgspec.Raw, calls: tuple[e.ListedCall, ...]) -> bool:
    each = each_of(arguments) if calls else [arguments]
    return any(is_seconded(contract, one) for one in each)


def is_seconded(contract: ToolContract, arguments: msgspec.Raw) -> bool:
    """Whether the call does what its contract lets no single person agree to."""
    value = msgspec.json.decode(arguments) if contract.seconded else {}
    for path in contract.seconded:
        try:
            if pointed(value, path) not in (None, "", False, [], {}):
                return True
        except Unresolved:
            continue
    return False


def _named(paths: tuple[str, ...]) -> str:
    return ", ".join(path.removeprefix("/") for path in paths)


def _risk(contract: ToolContract, step: Step) -> str:
    """How much a person should look; a tier higher for what a model brought from who knows where."""
    own = _own_risk(contract)
    return own if not step.unproven else "medium" if own == "low" else "high"


def _own_risk(contract: ToolContract) -> str:
    if contract.side_effect is SideEffect.EXECUTE:
        return "high" if contract.once or contract.destroys or contract.repeatable is Repeatable.NONE else "medium"
    return "low"


def _of_list(turn: Turn, whole: Step, calls: tuple[e.ListedCall, ...]) -> tuple[str, ...]:
    """What people must know of a list besides its calls, above all when the budget ends before it does."""
    s, count = turn.state, len(calls)
    lines = [
        f"Agreeing lets exactly these {count} calls happen, each once." if count > 1 else "It is one call of a list."
    ]
    fits = count
    for scope, amount in charges(whole.tool, whole.domain, whole.cost // count):
        if amount and scope in turn.limits:
            left = turn.limits[scope] + s.raised.get(scope, 0) - s.used.get(scope, 0)
            fits = min(fits, max(left, 0) // amount)
    if fits < count:
        lines.append(f"The budget has room for {fits} of them.")
    listing = s.lists.get(whole.step_id)
    calls_of_it = listing.calls if listing is not None else ()
    out = [one for one in calls_of_it if s.phase.get(one) is Phase.FAILED and not s.attempt.get(one)]
    lines += [f"Left out before you were asked: {call}, {s.reasons.get(call, '')}." for call in out[:MOST_LEFT_OUT]]
    if len(out) > MOST_LEFT_OUT:
        lines.append(f"And {len(out) - MOST_LEFT_OUT} more were left out.")
    return tuple(lines)


def _consequences(contract: ToolContract, profile: Profile, ruling: Ruling) -> tuple[str, ...]:
    if ruling.simulated:
        return (f"Profile {profile.name} only simulates this; nothing leaves the house.",)
    if contract.side_effect is not SideEffect.EXECUTE:
        return ("It is kept inside the house; nothing leaves it.",)
    lines = ["It changes something outside the house and cannot be taken back from here."]
    if contract.destroys:
        lines.append("What is there now may be gone afterwards.")
    if contract.once:
        lines.append("It happens at most once for this target, over all runs.")
    return tuple(lines)


def _standing_consent(
    turn: Turn, step: Step, ruling: Ruling, arguments: msgspec.Raw
) -> tuple[str, tuple[e.Claim, ...]]:
    """The rule that agrees in advance, with the use it takes; never for a call with an outside effect."""
    if ruling.consent is Consent.RULE and step.side_effect is not SideEffect.EXECUTE:
        return f"profile:{turn.rules.profile.name}/{step.side_effect.value}-stays-inside", ()
    if step.side_effect is SideEffect.EXECUTE or step.ask_first or turn.rules.profile.approvals.quorum > 1:
        return "", ()
    s, current = turn.state, turn.current
    asked = (*s.askers.get(step.step_id, ()), *s.requesters)
    is_alone = is_solo(s.started.requester, current.roles)
    for standing in current.standing_rules:
        if not covers(standing, step.tool, turn.rules.profile.name, arguments, turn.now):
            continue
        if not is_alone and has_asked(standing.by, asked, current):
            continue  # who asks does not decide, in advance neither
        scope = f"standing/{standing.rule_id}"
        if turn.held(scope) < standing.uses:
            return f"standing:{standing.rule_id}", (e.Claim(scope=scope, amount=1, limit=standing.uses),)
    return "", ()


def covers(standing: StandingRule, tool: str, profile: str, arguments: msgspec.Raw | bytes, at: datetime) -> bool:
    """Whether a standing rule is about a call of a profile at a time, whatever uses it has left."""
    if standing.tool != tool or at >= standing.expires_at or standing.profile not in ("", profile):
        return False
    value = msgspec.json.decode(arguments)
    try:
        return all(folded(pointed(value, path)) == text.casefold() for path, text in standing.matches.items())
    except Unresolved:
        return False


def folded(value: Any) -> str:
    """A value in the form in which two writings of it meet: text without case and edges, else its JSON."""
    return value.strip().casefold() if isinstance(value, str) else encode(value).decode()
