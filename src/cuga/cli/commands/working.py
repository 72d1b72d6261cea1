"""Commands that begin a run or move it: run, plan, resume, cancel, answer, resolve, top-up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from cuga.cli.exits import Exit, of_status
from cuga.cli.home import at_house
from cuga.cli.names import run_named
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.orchestrator.dryrun import DryRun

MOST = 1e9  # of anything that is added to a budget at once
Run = Annotated[str, Parameter(name="RUN", help="A run: its id, the last letters of it, or `last`.")]
Wait = Annotated[
    float, Parameter(help="Seconds to stay when it waits for people, who decide in another terminal. 0: do not wait.")
]


def run(
    *goal: Annotated[str, Parameter(name="GOAL", help="What you want, in words.")],
    profile: Annotated[
        str, Parameter(help="The rules it runs under: enterprise, smb, technical or one of your own.")
    ] = "",
    plan: Annotated[str, Parameter(help="Run exactly the plan that `cuga plan` showed, by its run.")] = "",
    as_of: Annotated[
        datetime | None, Parameter(help="The date the tools reason from, e.g. 2026-01-05. Left out: today.")
    ] = None,
    dry_run: Annotated[
        bool, Parameter(negative="", help="Show what it would come to, on a copy of the house; nothing happens.")
    ] = False,
    as_: Annotated[str, Parameter(name="--as", help="Begin exactly what a dry run showed, by the id it gave.")] = "",
    wait: Wait = 0.0,
    options: Options = PLAIN,
) -> int:
    """Plan a goal, run it, and show what came of it.

    What leaves the house waits for a person: the run parks, says what they can do, and goes on
    with their decision.
    Nothing is lost by Ctrl-C or a crash: `cuga resume` goes on.

    Examples:

        cuga run "Score Velkarin Foods and draft a first email to its buyer" --profile smb

        cuga run --plan last

        cuga run "Qualify D-1001" --as-of 2026-01-05 --json > result.json

        cuga run "Send a first email to the buyer of Velkarin Foods" --profile enterprise --dry-run
    """
    said = " ".join(goal).strip()
    if as_ and (said or plan or profile or as_of or dry_run):
        raise BadInput("--as begins what was shown: it takes no goal, plan, profile or day of its own")
    if bool(said) + bool(plan) + bool(as_) != 1:
        raise BadInput(
            "a run takes either a goal or --plan" if said else "the goal is missing",
            mend='Say what you want, e.g. cuga run "Score Velkarin Foods".',
        )
    date = as_of.replace(tzinfo=UTC) if as_of is not None and as_of.tzinfo is None else as_of

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        if as_:
            return await drive(visit, await visit.front.start_rehearsed(as_.strip().upper()), options, wait_s=wait)
        planned_in = await run_named(visit, plan) if plan else ""
        if not plan:
            await tell_of_model(visit, profile)
        rules = profile or ("" if plan else visit.settings.profile)
        if dry_run:
            return _show_dry_run(
                await visit.front.dry_run(said, profile=rules, planned_in=planned_in, as_of=date), options
            )
        run_id = await visit.begin(said, profile=rules, planned_in=planned_in, as_of=date)
        return await drive(visit, run_id, options, wait_s=wait)

    return at_house(options, work)


def _show_dry_run(found: DryRun, options: Options) -> int:
    """Print what a run would come to; it is a success when there is something that could be begun."""
    from cuga.cli.render.dryrun import whole
    from cuga.cli.screen import show, show_json
    from cuga.model.event import Status

    show_json(found) if options.json else show(whole(found))
    status = Status(found.status)
    return Exit.SUCCESS if status in (Status.PARKED, Status.RUNNING) else of_status(status)


def plan(
    *goal: Annotated[str, Parameter(name="GOAL", help="What you want, in words.")],
    profile: Annotated[str, Parameter(help="The rules it would run under.")] = "",
    options: Options = PLAIN,
) -> int:
    """Show the plan for a goal and run nothing: steps, reasons, cost, who must agree, what the budgets say.

    Examples:

        cuga plan "Score Velkarin Foods and send a first email to its buyer" --profile enterprise

        cuga run --plan last
    """
    said = " ".join(goal).strip()
    if not said:
        raise BadInput("the goal is missing", mend='Say what you want, e.g. cuga plan "Score Velkarin Foods".')

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        await tell_of_model(visit, profile)
        planned = await visit.front.plan(said, profile=profile or visit.settings.profile)
        if options.json:
            show_json(planned)
        else:
            from cuga.cli.render.plan import preview

            show(preview(planned))
        return of_status(planned.status)

    return at_house(options, work)


async def tell_of_model(visit: Visit, profile: str) -> None:
    """Say who plans, where a model could: it is on, or a key for it is set. In a house without one nothing is said."""
    from cuga.cli.screen import say
    from cuga.policy.models import KEYS

    now = await visit.front.model_now(profile=profile or visit.settings.profile)
    if now.is_on or any(visit.settings.variables.get(name) for name in KEYS.values()):
        say(f"LLM: {now.line}")


def compare(
    *goal: Annotated[str, Parameter(name="GOAL", help="What you want, in words.")],
    profile: Annotated[str, Parameter(help="The rules it would run under.")] = "",
    options: Options = PLAIN,
) -> int:
    """Show the rules' plan for a goal beside the model's: steps, costs, differences. Nothing runs.

    Each plan is a run of its own, so that what the model was told and what it cost is in the record.

    Examples:

        cuga compare "Score Velkarin Foods and draft a first email to its buyer"
    """
    said = " ".join(goal).strip()
    if not said:
        raise BadInput("the goal is missing", mend='Say what you want, e.g. cuga compare "Score Velkarin Foods".')

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        found = await visit.front.compare(said, profile=profile or visit.settings.profile)
        if options.json:
            show_json(found)
        else:
            from cuga.cli.render.comparing import beside

            show(beside(found))
        return of_status(found.rules.status)

    return at_house(options, work)


def resume(run: Run, /, *, wait: Wait = 0.0, options: Options = PLAIN) -> int:
    """Go on with a run that was interrupted, or look again whether a parked one can go on.

    Examples:

        cuga resume last
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        run_id = await run_named(visit, run)
        before = len(await visit.front.events(run_id))
        return await drive(visit, run_id, options, wait_s=wait, push=lambda: visit.front.resume(run_id), seen=before)

    return at_house(options, work)


def cancel(
    run: Run,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why; it is kept in the record.")] = "",
    options: Options = PLAIN,
) -> int:
    """Stop a run: nothing new starts, calls in flight are waited for. Exits with 7.

    Examples:

        cuga cancel last --reason "wrong account"
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        run_id = await run_named(visit, run)
        before = len(await visit.front.events(run_id))
        return await drive(visit, run_id, options, push=lambda: visit.front.cancel(run_id, reason), seen=before)

    return at_house(options, work)


def replan(
    run: Run,
    /,
    *text: Annotated[str, Parameter(name="TEXT", help="What has become known.")],
    options: Options = PLAIN,
) -> int:
    """Tell a run that has not ended what has become known, and have the rest of it planned anew.

    What is done stays done, and what was denied stays denied. A run is planned anew three times at most.

    Examples:

        cuga replan last "the buyer is Nora Tamm by now"
    """
    said = " ".join(text).strip()
    if not said:
        raise BadInput("what has become known is missing", mend='For example: cuga replan last "Nora left"')

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        run_id = await run_named(visit, run)
        before = len(await visit.front.events(run_id))
        await visit.front.replan(run_id, said)
        return await drive(visit, run_id, options, seen=before)

    return at_house(options, work)


def answer(
    run: Run,
    /,
    *text: Annotated[str, Parameter(name="TEXT", help="The answer.")],
    question: Annotated[str, Parameter(help="Which question, when the run asks more than one.")] = "",
    options: Options = PLAIN,
) -> int:
    """Answer what a run asks, and go on with it.

    Examples:

        cuga answer last "Velkarin Foods"
    """
    said = " ".join(text).strip()
    if not said:
        raise BadInput("the answer is missing", mend='For example: cuga answer last "Velkarin Foods"')

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        run_id = await run_named(visit, run)
        before = len(await visit.front.events(run_id))
        await visit.front.answer_question(run_id, said, question)
        return await drive(visit, run_id, options, seen=before)

    return at_house(options, work)


def resolve(
    run: Run,
    step: Annotated[str, Parameter(name="STEP", help="The step in doubt, e.g. s3.")],
    became: Annotated[
        Literal["happened", "did-not", "again"],
        Parameter(name="BECAME", help="What became of it, or: do it once more."),
    ],
    /,
    *,
    attempt: Annotated[
        int, Parameter(help="The attempt that you looked at: refused once there is another. Left out: whichever it is.")
    ] = 0,
    reason: Annotated[str, Parameter(help="How you know; it is kept in the record.")] = "",
    options: Options = PLAIN,
) -> int:
    """Say what became of a step of which nobody knows whether it happened. Look at the other side first.

    Examples:

        cuga resolve last s3 happened --reason "the mail is in the outbox"

        cuga resolve last s3 again --attempt 1
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        run_id = await run_named(visit, run)
        before = len(await visit.front.events(run_id))
        await visit.front.resolve(run_id, step, became, reason, attempt=attempt)
        return await drive(visit, run_id, options, seen=before)

    return at_house(options, work)


def top_up(
    run: Run,
    /,
    *,
    scope: Annotated[str, Parameter(help="The budget, e.g. calls or cost. Left out: the one the run waits for.")] = "",
    amount: Annotated[
        float, Parameter(help="How much more: calls, tokens, units of cost or dollars. Left out: as much again.")
    ] = 0.0,
    reason: Annotated[str, Parameter(help="Why; it is kept in the record.")] = "",
    options: Options = PLAIN,
) -> int:
    """Raise a budget of one run and go on with it.

    Examples:

        cuga top-up last

        cuga top-up last --scope cost --amount 5
    """
    if not 0 <= amount < MOST:
        raise BadInput(f"--amount {amount:g}: a top-up adds, and it has an end")

    async def work(visit: Visit) -> int:
        from cuga.cli.driving import drive

        run_id = await run_named(visit, run)
        events = await visit.front.events(run_id)
        await visit.front.top_up(run_id, scope, reason=reason, said=amount)
        return await drive(visit, run_id, options, seen=len(events))

    return at_house(options, work)
