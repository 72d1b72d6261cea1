"""What works in a house, what does not, and what to do about it: the findings behind `cuga doctor`."""

from __future__ import annotations

import asyncio
import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from cuga.adapters.vendors import KINDS
from cuga.errors import JournalFailed
from cuga.model.event import Status
from cuga.orchestrator.changing.server_lines import server_lines
from cuga.orchestrator.house.assembly import MENDING, Assembly
from cuga.orchestrator.house.place import Place
from cuga.orchestrator.house.restate import RESTATE, is_restate
from cuga.orchestrator.looking.standing import adapter_lines
from cuga.orchestrator.operating.erasures import erased_people, suppression_list, without_keys
from cuga.orchestrator.operating.machine import (
    EXTRAS,
    Finding,
    disk,
    interpreter,
    is_there,
    keys_of_models,
    secret_files,
)
from cuga.policy.binding import PREFERRED
from cuga.policy.routing import PROCESS, pools_that_take
from cuga.projections.runs import count_runs

if TYPE_CHECKING:
    from cuga.engine.distributed import DistributedEngine, Figures

CLOCK_S = 1.0  # a machine's clock that is further off is worth a word; times are corrected anyway
UNSEALED_S, BEHIND_S = 60.0, 300.0  # from here on a seal or an export is late
MOST_RUNS = 10  # that are named one by one
QUEUED_S = 60.0  # a job that waits for longer wants more workers


async def examine(assembly: Assembly) -> list[Finding]:
    """Look at everything; nothing is changed."""
    findings = [
        *interpreter(),
        *keys_of_models(assembly.settings),
        *_house(assembly),
        *await asyncio.to_thread(erased_people, assembly),
        *suppression_list(assembly),
        await _clock(assembly),
        *_adapters(assembly),
        *_servers(assembly),
        *_workers(assembly),
        *_model(assembly),
        await _runs(assembly),
        *await _database(assembly),
        *await _woken(assembly),
        *await _processes(assembly),
        *await _seal(assembly),
        *_export(assembly),
        *_left_alone(assembly),
        *without_keys(assembly),
    ]
    faults = await assembly.verify()
    findings.append(
        Finding(what="journal", state="ok", found="every chain, blob and claim holds")
        if not faults
        else Finding(
            what="journal",
            state="broken",
            found=f"{len(faults)} faults, first {faults[0].kind} at {faults[0].where}: {faults[0].detail}",
            mend="`cuga verify` lists them; put a backup back with `cuga restore`",
        )
    )
    return findings


def _model(assembly: Assembly) -> list[Finding]:
    """A model is no news where nobody wants one; one that is wanted and cannot be asked is."""
    models = assembly.models
    if not models.is_named:
        return []
    profile = assembly.registry.default_profile
    now = models.now(profile)
    why = "" if now.is_on else models.why_not(profile)
    mend = "" if now.is_on or "asks no model" in why else "mend it, or write `model: off` in the profile"
    return [Finding(what="model", state="note" if mend else "ok", found=now.line, mend=mend)]


def _house(assembly: Assembly) -> list[Finding]:
    place = assembly.place
    if place is None:
        return [
            Finding(
                what="house", state="note", found="in memory: nothing is kept", mend="`cuga init DIR` makes a house"
            )
        ]
    halted = assembly.current.halted
    mistakes = assembly.mistakes
    return [
        Finding(what="house", state="ok", found=f"{place.root}, durability {assembly.journal.durability}"),
        Finding(
            what="registry",
            state="broken" if mistakes else "ok",
            found="it cannot be loaded, and nothing starts" if mistakes else "it loads",
            mend="`cuga policy check` shows every mistake" if mistakes else "",
        ),
        _privacy(place),
        *disk(place),
        *secret_files(place, assembly.settings),
        Finding(
            what="people",
            state="ok",
            found="one user: every record says solo"
            if not assembly.current.roles
            else f"{len(assembly.current.roles)} users",
        ),
        Finding(
            what="stop button",
            state="note" if halted else "ok",
            found=f"halted: {halted}" if halted else "not pressed",
            mend=_way_out(assembly) if halted else "",
        ),
        Finding(
            what="data",
            state="ok" if assembly.crm.count("accounts") else "note",
            found=f"{assembly.crm.count('accounts')} accounts, {assembly.crm.count('opportunities')} deals",
            mend="" if assembly.crm.count("accounts") else "`cuga import DIR_OF_CSV` brings data in",
        ),
    ]


async def _runs(assembly: Assembly) -> Finding:
    """Runs that nobody may be thinking of any more: they wait for people, or were left by a process that ended."""
    counts = await count_runs(assembly.journal, tenant=assembly.tenant)
    waiting, running = counts.get(Status.PARKED, 0), counts.get(Status.RUNNING, 0)
    found = [f"{_many(waiting)} for a person"] if waiting else []
    mends = ["`cuga runs --status parked` says for what"] if waiting else []
    if running:
        found.append(f"{running} begun and not ended")
        mends.append("`cuga runs --status running` lists them, `cuga resume RUN` goes on with one")
    if not found:
        return Finding(what="runs", state="ok", found="none waits")
    return Finding(what="runs", state="note", found="; ".join(found), mend="; ".join(mends))


async def _database(assembly: Assembly) -> list[Finding]:
    """The server that holds the journal."""
    if assembly.book is None:
        return []
    book = assembly.book
    server = await book.server()
    loose = [name for name in ("fsync", "full_page_writes") if getattr(server, name) != "on"]
    offset = abs((await book.time() - datetime.now(UTC)).total_seconds())
    is_tight = server.connections > 0.8 * server.max_connections
    return [
        Finding(
            what="database",
            state="broken" if loose or server.is_copy else "note" if is_tight else "ok",
            found=f"{book.address.shown}, Postgres {server.version}"
            + (", a copy that takes no appends" if server.is_copy else "")
            + "".join(f", {name} is off" for name in loose)
            + f", {server.connections} of {server.max_connections} connections",
            mend="turn them on: a crash of the server can lose what was committed"
            if loose
            else "name the primary"
            if server.is_copy
            else "raise max_connections: a worker needs about 14"
            if is_tight
            else "",
        ),
        Finding(
            what="clock",
            state="ok" if offset < CLOCK_S else "note",
            found=f"{offset:.2f} s from the database's, which counts",
            mend="" if offset < CLOCK_S else "set this machine's clock, e.g. with chrony",
        ),
    ]


async def _woken(assembly: Assembly) -> list[Finding]:
    """What wakes workers, where that is not this process."""
    by_restate = is_restate(assembly.registry, assembly.place)
    if assembly.book is None and not by_restate:
        return []
    engine = cast("DistributedEngine", assembly.engine)
    try:
        figures = await engine.figures()
    except JournalFailed as error:
        if not by_restate:
            raise
        mend = "start its server, or say in CUGA_RESTATE and CUGA_RESTATE_ADMIN where it is; until then runs wait"
        return [Finding(what="restate", state="broken", found=str(error), mend=mend)]
    return [
        _queue(RESTATE if by_restate else "queue", figures, engine.fenced),
    ]


async def _processes(assembly: Assembly) -> list[Finding]:
    """Pools with processes of their own of which none lives: what is routed there waits, and nobody is told."""
    pools = sorted(name for name, pool in assembly.current.pools.items() if pool.kind == PROCESS)
    if assembly.book is None or is_restate(assembly.registry, assembly.place) or not pools:
        return []
    heard = await cast("DistributedEngine", assembly.engine).queue.load_elsewhere()
    return [
        Finding(
            what=f"pool {name}",
            state="broken",
            found="no process serves it: steps that are routed to it wait",
            mend=f"start `cuga worker --pool {name}`",
        )
        if name not in heard
        else Finding(what=f"pool {name}", state="ok", found="it is served")
        for name in pools
    ]


def _queue(what: str, figures: Figures, fenced: int) -> Finding:
    state, mend = "ok", ""
    if figures.waiting and not figures.workers:
        state, mend = "broken", "start `cuga worker`: runs wait for one"
    elif max(figures.oldest_s, figures.sweep_lag_s) > QUEUED_S:
        state, mend = "broken", "start more workers: runs wait for more than a minute"
    elif figures.stalled:
        state, mend = "note", "others take these runs over by themselves; look why their workers ended"
    elif fenced:
        state, mend = "note", "this process stood still for longer than its lease: more CPU, or a longer CUGA_LEASE_S"
    found = (
        f"{figures.workers} workers, {figures.running} runs in hand, {figures.waiting} wait, the oldest "
        f"{figures.oldest_s:.0f} s, {figures.stalled} stalled, due for {figures.sweep_lag_s:.0f} s"
    )
    return Finding(
        what=what, state=state, found=found + (f", {fenced} runs lost to others" if fenced else ""), mend=mend
    )


async def _clock(assembly: Assembly) -> Finding:
    """Whether the clock runs on from what is recorded: one that was set back gives no valid dates any more."""
    newest = max((one.row.updated_at for one in await assembly.journal.runs(tenant=assembly.tenant)), default=None)
    ahead = (newest - assembly.clock.now()).total_seconds() if newest is not None else 0.0
    if ahead < CLOCK_S:
        return Finding(what="time", state="ok", found="the clock goes on from the newest record")
    return Finding(
        what="time",
        state="broken",
        found=f"the newest record is {ahead:.0f} s in the future: the clock was set back",
        mend="set this machine's clock, e.g. with chrony; approvals expire by it",
    )


async def _seal(assembly: Assembly) -> list[Finding]:
    """Whether what was appended is also known elsewhere, and every place that should know it can be asked."""
    if assembly.sealer is None:
        return []
    await assembly.sealer.settle()
    missing = await assembly.sealer.look()
    sealed = assembly.sealer.now()
    away = [why for name, why in missing.items() if name != sealed.anchors[0]]
    if sealed.trouble or away:
        mend = "mend the place, or name another in CUGA_ANCHORS; until then a lost tail may not be found out"
        found = sealed.trouble or "; ".join(away)
        return [Finding(what="seal", state="broken", found=found, mend=mend)]
    if sealed.age_s > UNSEALED_S:
        mend = "the process that holds the house does not come to it: look at its CPU, then start it again"
        found = f"nothing was sealed for {sealed.age_s:.0f} s"
        return [Finding(what="seal", state="broken", found=found, mend=mend)]
    if missing:
        mend = "it comes with the next run; a house that was copied or moved has none before"
        return [Finding(what="seal", state="note", found=missing[sealed.anchors[0]], mend=mend)]
    if len(sealed.anchors) == 1:
        mend = "name a place on another disk or machine in CUGA_ANCHORS, e.g. file:/mnt/other/anchor.note"
        return [Finding(what="seal", state="note", found="the only anchor lies on this machine", mend=mend)]
    return [Finding(what="seal", state="ok", found=f"{sealed.size} appends, kept at {', '.join(sealed.anchors)}")]


def _export(assembly: Assembly) -> list[Finding]:
    """Whether spans go where the settings say."""
    if not assembly.settings.otlp:
        return []
    if not is_there(EXTRAS["otel"]):
        found = "CUGA_OTLP names a collector, and what speaks to it is not installed"
        return [Finding(what="export", state="broken", found=found, mend="pip install 'cugar[otel]'")]
    if assembly.exporter is None:
        return [Finding(what="export", state="note", found="no process hands spans over now", mend="`cuga serve` does")]
    now = assembly.exporter.now()
    if now.trouble:
        state = "broken" if now.lag_s > BEHIND_S else "note"
        mend = "mend the way to it; nothing is lost, spans come when it takes them"
        return [Finding(what="export", state=state, found=f"{now.trouble}; {now.lag_s:.0f} s behind", mend=mend)]
    return [Finding(what="export", state="ok", found=f"{now.spans} spans handed over, {now.lag_s:.0f} s behind")]


def _left_alone(assembly: Assembly) -> list[Finding]:
    """Runs that this process cannot move."""
    return [
        Finding(what=f"run {run_id}", state="broken", found=str(error), mend=f"`cuga resume {run_id}` tries again")
        for run_id, error in list(assembly.engine.left_alone.items())[:MOST_RUNS]
    ]


def _many(waiting: int) -> str:
    return "1 run waits" if waiting == 1 else f"{waiting} runs wait"


def _way_out(assembly: Assembly) -> str:
    ends_with = assembly.current.halt_ends_with
    return "a registry without mistakes lets work go on" if ends_with == MENDING else f"`{ends_with}` lets work go on"


def _privacy(place: Place) -> Finding:
    """Whether others of this machine can look at the customer data."""
    if not place.root.stat().st_mode & 0o077:
        return Finding(what="privacy", state="ok", found="only its owner can look into the house")
    return Finding(
        what="privacy",
        state="note",
        found="other users of this machine may be able to read the customer data",
        mend=f"chmod -R go-rwx {shlex.quote(str(place.root))}",
    )


def _adapters(assembly: Assembly) -> list[Finding]:
    found = []
    for line in adapter_lines(assembly):
        kind = None if line.installed else KINDS.get(line.adapter)
        words = "switched off" if not line.enabled else "ready" if line.installed else line.absent
        words += ", the only one that is used" if line.chosen else ""
        words += f", mode {line.mode}" if line.mode != PREFERRED else ""
        is_fit = line.enabled and line.installed
        found.append(
            Finding(
                what=f"adapter {line.capability}/{line.adapter}",
                state="ok" if is_fit else "note",
                found=words,
                mend=f"cuga adapters setup {line.adapter}, if it is to be used" if kind is not None else "",
            )
        )
    return found


def _servers(assembly: Assembly) -> list[Finding]:
    """MCP servers and OpenAPI documents that cannot be used as they stand."""
    found = []
    for line in server_lines(assembly):
        state, words, mend = "ok", f"{line.tools} tools", ""
        if line.problem:
            state, words, mend = "note", line.problem, "pip install 'cugar[mcp]'"
        elif line.quarantined:
            why = next(iter(line.quarantined.values()))
            state, words, mend = "broken", f"quarantined: {why}", f"`cuga tools drift {line.name}` shows it"
        elif line.kind == "mcp" and line.accepted_at is None:
            state, words = "note", "nobody has accepted its tools"
            mend = f"`cuga tools accept {line.name}` shows them and asks"
        elif not line.profiles:
            state, words, mend = "note", "no profile allows it", f"name {line.name} among the adapters of a profile"
        found.append(Finding(what=f"{line.kind} {line.name}", state=state, found=words, mend=mend))
    return found


def _workers(assembly: Assembly) -> list[Finding]:
    """Tools that no worker pool takes: a step that uses one is refused."""
    pools = assembly.current.pools
    if not pools:
        return []
    tools = assembly.tools.contracts().values()
    left = [tool.name for tool in tools if not pools_that_take(pools.values(), tool.name, tool.domain)]
    if not left:
        return [Finding(what="workers", state="ok", found=f"{len(pools)} pools take every tool")]
    return [
        Finding(
            what="workers",
            state="note",
            found=f"no worker pool takes {', '.join(sorted(left))}",
            mend="name their domains, or the tools, under `workers` in the registry, if they are to be used",
        )
    ]
