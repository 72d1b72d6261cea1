"""What people say to a run that is there: go on, stop, think again, yes, no, so it was, and here is more."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec

from cuga.errors import BadInput, NotAllowed
from cuga.model import command as c
from cuga.model.context import Principal
from cuga.model.event import ApprovalRequested, DoubtAnswer, Verdict
from cuga.orchestrator.execution import ExecutionResult
from cuga.orchestrator.looking.reading import Reading, run_of
from cuga.orchestrator.running.amendment import amended, looked_at
from cuga.planning.schema import arguments_of
from cuga.policy.access import Verb, may, whose
from cuga.policy.budget import amount_of, limits_of


class Deciding(Reading):
    """A run is steered, and what it asks is decided. Each method answers with what has become of the run."""

    async def wait(self, run_id: str, timeout_s: float | None = None) -> ExecutionResult:
        """The result of a run once it has ended or parked; the run itself does not mind if we give up."""
        assembly = await self.open()
        await asyncio.wait_for(assembly.engine.wait(run_id), timeout_s)
        return await self.result(run_id)

    async def resume(self, run_id: str, by: Principal | None = None) -> ExecutionResult:
        """Go on with a run that an earlier process left, or look again whether a parked one can go on."""
        assembly = await self.open()
        assembly.look_at_adapters()
        state = await assembly.driver.state(run_id)
        who = by or await self.principal()
        ruling = may(who, Verb.STEER, assembly.current, whose(who, state.started.requester.id, assembly.current))
        if not ruling.allowed:
            raise NotAllowed("; ".join(ruling.reasons))
        await assembly.engine.resume(run_id)
        return await self.wait(run_id)

    async def cancel(self, run_id: str, reason: str = "", by: Principal | None = None) -> ExecutionResult:
        """Stop a run: nothing new starts, calls in flight are waited for, and the run ends as cancelled."""
        await self._send(run_id, c.Cancel, by, reason=reason)
        return await self.wait(run_id)

    async def replan(self, run_id: str, feedback: str, by: Principal | None = None) -> ExecutionResult:
        """Have a run planned anew with something that has become known. What is done stays done."""
        if not feedback.strip():
            raise BadInput("what has become known is missing")
        return await self._send(run_id, c.Replan, by, feedback=feedback)

    async def answer(
        self,
        approval_id: str,
        verdict: Verdict | str,
        *,
        digest: str = "",
        reason: str = "",
        changes: dict[str, Any] | None = None,
        without: tuple[int, ...] = (),
        by: Principal | None = None,
    ) -> ExecutionResult:
        """Decide on an approval: approve, deny, amend (with `changes`: argument name -> new value), request-changes.

        Of a list's card the name begins with the call's number (`2.message.subject` is of `s3#2`), and an amendment
        may leave calls out: `without` holds their numbers.
        `digest` is what was shown; without it the digest of the request as it stands now is meant.
        """
        assembly = await self.open()
        request = await self.request(approval_id)
        try:
            said = Verdict(verdict)
        except ValueError:
            raise BadInput(f"no verdict {verdict!r}; there are {', '.join(v.value for v in Verdict)}") from None
        if said is Verdict.REQUEST_CHANGES and not reason.strip():
            raise BadInput("request-changes needs feedback: what should be different?")
        if said is not Verdict.AMEND and (changes or without):
            raise BadInput(
                f"{said.value} is said of exactly what was shown; changes or calls to leave out would be lost",
                mend="Amend it: the changed request waits for a decision of its own.",
            )
        arguments = await self._amended(request, changes or {}, without) if said is Verdict.AMEND else None
        await assembly.engine.send(
            run_of(approval_id),
            c.ResolveApproval(
                at=assembly.clock.now(),
                by=by or await self.principal(),
                approval_id=approval_id,
                verdict=said,
                digest=digest or request.digest,
                reason=reason,
                arguments=arguments,
            ),
        )
        assembly.was_taught = True
        return await self.result(run_of(approval_id))

    async def _amended(
        self, request: ApprovalRequested, changes: dict[str, Any], without: tuple[int, ...]
    ) -> msgspec.Raw:
        if not changes and not without:
            raise BadInput("an amendment needs at least one change, e.g. --set subject='Hello'")
        assembly = await self.open()
        state = await assembly.driver.state(run_of(request.approval_id))
        rules = await assembly.driver.rules(state.started.policy_digest)
        found = amended(request, changes, without, arguments_of(rules.contracts[request.tool]))
        return await looked_at(request, found, partial(assembly.door.amended, state))

    async def revoke(self, approval_id: str, reason: str = "", by: Principal | None = None) -> ExecutionResult:
        """Take back an approval that has not been used."""
        return await self._send(run_of(approval_id), c.RevokeApproval, by, approval_id=approval_id, reason=reason)

    async def answer_question(
        self, run_id: str, answer: str, question_id: str = "", by: Principal | None = None
    ) -> ExecutionResult:
        """Answer what a run asks; with one open question its id may be left out."""
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        if not question_id:
            if not state.questions:
                raise BadInput(f"{run_id} asks nothing", mend="`cuga show RUN` says what it waits for.")
            if len(state.questions) != 1:
                raise BadInput(f"{run_id} has {len(state.questions)} open questions; name one with --question")
            question_id = next(iter(state.questions))
        return await self._send(run_id, c.AnswerQuestion, by, question_id=question_id, answer=answer)

    async def resolve(
        self,
        run_id: str,
        step: str,
        answer: DoubtAnswer | str,
        reason: str = "",
        by: Principal | None = None,
        *,
        attempt: int = 0,
    ) -> ExecutionResult:
        """Say what became of a step in doubt: happened, did-not, again.

        `attempt` is the one that was looked at (`attempts` of the step's result): an answer that comes after another
        was made is refused. 0: whichever is in doubt.
        """
        try:
            said = DoubtAnswer(answer)
        except ValueError:
            raise BadInput(f"no answer {answer!r}; there are {', '.join(a.value for a in DoubtAnswer)}") from None
        return await self._send(run_id, c.ResolveDoubt, by, step=step, answer=said, reason=reason, attempt=attempt)

    async def top_up(
        self,
        run_id: str,
        scope: str = "",
        amount: int = 0,
        reason: str = "",
        by: Principal | None = None,
        *,
        said: float = 0,
    ) -> ExecutionResult:
        """Raise a limit of one run. Without a scope: the one it waits for, by as much as it had.

        `amount` is as the scope is kept, cost and money in millionths; `said` is as people count: units of cost,
        dollars, calls, tokens.
        """
        if amount < 0 or said < 0:
            raise BadInput(f"{amount or said:g}: a top-up adds; it cannot take away")
        if amount and said:
            raise BadInput("a top-up takes either `amount` or `said`: they are one amount in two units")
        assembly = await self.open()
        state = await assembly.driver.state(run_id)
        profile = (await assembly.driver.rules(state.started.policy_digest)).profile
        limits = limits_of(profile.limits, state.started.budget, *state.budgets)
        if not scope:
            waiting = sorted(set(state.blocked.values()))
            if not waiting:
                raise BadInput(
                    f"{run_id} does not wait for a budget",
                    mend=f"Name one with --scope and --amount: {', '.join(sorted(limits))}.",
                )
            scope = waiting[0]
        kept = amount_of(scope, said)
        if kept is None:
            raise BadInput(f"{said:g}: {scope} are counted whole", mend="Only cost and money have parts.")
        amount = amount or kept or max(1, limits.get(scope, 1))
        return await self._send(run_id, c.TopUp, by, scope=scope, amount=amount, reason=reason)

    async def _send(self, run_id: str, kind: type[c.Command], by: Principal | None, **fields: Any) -> ExecutionResult:
        assembly = await self.open()
        command = kind(at=assembly.clock.now(), by=by or await self.principal(), **fields)
        await assembly.engine.send(run_id, command)
        return await self.result(run_id)
