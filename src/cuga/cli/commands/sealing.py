"""Commands for whoever has to trust a record: seal, evidence, verify."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.given import must_be_readable
from cuga.cli.home import at_house
from cuga.cli.names import run_named
from cuga.cli.options import PLAIN, Options
from cuga.errors import PUT_BACKUP, BadInput, HouseNotFound, JournalCorrupt

if TYPE_CHECKING:
    from cuga.cli.home import Visit
    from cuga.orchestrator.keeping.evidence import Scope

TAKEN = "Name a copy of a journal or an evidence file; left out: the house's. --key takes what `cuga seal` shows."


def seal(*, options: Options = PLAIN) -> int:
    """Show how far the journal is sealed, where that is kept, and the public key that an auditor needs.

    Examples:

        cuga seal
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        sealed = await visit.front.sealed()
        if options.json or sealed is None:
            show_json(sealed)
            return Exit.SUCCESS
        show(
            f"journal     {sealed.origin}, epoch {sealed.epoch}",
            f"sealed      {sealed.size} appends, {sealed.position} events",
            f"root        {sealed.root}",
            f"key         {sealed.key}",
            f"kept in     {sealed.directory}",
            *(f"anchor      {anchor}" for anchor in sealed.anchors),
            *([f"trouble     {sealed.trouble}"] if sealed.trouble else []),
        )
        return Exit.SUCCESS

    return at_house(options, work)


def evidence(
    what: Annotated[
        str, Parameter(name="WHAT", help="A run, a period (2026-10-01..2026-10-31), or a person (approver:ada).")
    ],
    /,
    *,
    to: Annotated[Path | None, Parameter(help="The file to write; left out: named after what it is about.")] = None,
    options: Options = PLAIN,
) -> int:
    """Write one signed file that an auditor checks offline: every record of it, its proofs, and a readable report.

    Examples:

        cuga evidence last

        cuga evidence 2026-10-01..2026-10-31 --to october.zip

        cuga evidence approver:ada
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json

        scope, name = await _scope_of(visit, what)
        made = await visit.front.evidence(scope, str((to or Path(f"evidence-{name}.zip")).absolute()))
        if options.json:
            show_json(made)
            return Exit.SUCCESS
        runs = "1 run" if made.runs == 1 else f"{made.runs} runs"
        show(
            f"{made.path}",
            f"{made.about}: {runs}, {made.appends} appends, sealed with {made.size}",
            f"sha256 {made.sha256}",
            f"key    {made.key}",
            f"Check it anywhere: python verify.py {Path(made.path).name} --key KEY   (or `cuga verify {made.path}`)",
            *([] if made.has_pdf else ["There is no report.pdf in it: pip install 'cugar[pdf]'"]),
        )
        return Exit.SUCCESS

    return at_house(options, work)


async def _scope_of(visit: Visit, said: str) -> tuple[Scope, str]:
    """What is meant, and a word for a file's name."""
    from datetime import UTC, datetime, timedelta

    from cuga.orchestrator.keeping.evidence import Scope

    if said.startswith("approver:"):
        return Scope(approver=said.removeprefix("approver:")), said.replace(":", "-")
    first, dots, last = said.partition("..")
    if not dots:
        run_id = await run_named(visit, said)
        return Scope(run_id=run_id), run_id
    try:
        since, until = (datetime.fromisoformat(part) for part in (first, last))
    except ValueError:
        raise BadInput(f"{said!r} is no period", mend="For example 2026-10-01..2026-10-31; days are UTC.") from None
    if len(last) == 10:
        until += timedelta(days=1)  # a day is meant to its end
    aware = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (since, until))
    return Scope(since=next(aware), until=next(aware)), said.replace(":", "")


def verify(
    file: Annotated[
        Path | None, Parameter(name="FILE", help="A copy of a journal, or evidence; else the house's.")
    ] = None,
    /,
    *,
    key: Annotated[str, Parameter(help="The public key to hold signatures against; left out: this house's own.")] = "",
    all_signatures: Annotated[bool, Parameter(negative="", help="Check the signature of every checkpoint.")] = False,
    options: Options = PLAIN,
) -> int:
    """Check the journal, a copy of it, or a bundle of evidence. Ends with 9 when something is wrong.

    The file is read by a verifier that shares no code with what writes it, in a process of its own; a journal in a
    database is copied into a file for that. In a house its counts and claims are checked too.

    Examples:

        cuga verify

        cuga verify evidence.zip --key auditor/seal.pub
    """
    from cuga.cli.screen import show, show_json

    found = _verified(file, key, all_signatures, options)
    faults: list[Any] = list(found["faults"])
    if file is None and not faults and (code := at_house(options, partial(_own_faults, faults))):
        return code
    if options.json:
        show_json({"holds": not faults, "faults": faults, "found": found["found"], "unsaid": found["unsaid"]})
    elif faults:
        import msgspec

        from cuga.cli.render.lists import faults as drawn
        from cuga.journal.seal import Fault

        show(drawn(msgspec.convert(faults, list[Fault])))
    else:
        what = "The journal holds: every chain, every kept result and every count" if file is None else "It holds"
        show(f"{what}; {found['found']}.", *([found["unsaid"]] if found["unsaid"] else []))
    return Exit.DAMAGED if faults else Exit.SUCCESS


def _verified(file: Path | None, key: str, all_signatures: bool, options: Options) -> dict[str, Any]:
    """What the verifier says, run as an auditor runs it."""
    import json
    import subprocess
    import sys
    import tempfile

    import msgspec

    from cuga import verify as verifier
    from cuga.orchestrator.house.database import copy_of_book
    from cuga.orchestrator.house.place import find
    from cuga.orchestrator.house.secrets import with_own_variables
    from cuga.orchestrator.keeping.sealing import ANCHOR, fetched, seals_of
    from cuga.settings import read_settings

    if file is not None:
        must_be_readable(file, TAKEN, is_file=True)
    is_own = file is None
    words = ["--all-signatures"] if all_signatures else []
    words += ["--key", key] if key else []
    with tempfile.TemporaryDirectory(prefix="cuga-") as spare:
        if file is None or not key:
            settings = read_settings(house=options.house, database=options.database or None)
            try:
                place = find(settings.house)
            except HouseNotFound:
                if file is None:
                    raise
            else:
                own = seals_of(place.root, settings.seals)
                words += ["--key", str(own / "seal.pub")] if not key and (own / "seal.pub").is_file() else []
                if file is None:
                    notes = fetched(own / ANCHOR, with_own_variables(settings, place), Path(spare), _tell)
                    words += [word for note in notes for word in ("--anchor", str(note))]
                    try:  # after the notes: what is compared with them is never behind
                        file = copy_of_book(place, settings, Path(spare) / "journal.db", _tell)
                    except JournalCorrupt as error:
                        return {"faults": msgspec.to_builtins(error.facts["faults"]), "found": "", "unsaid": ""}
        command = [sys.executable, "-I", verifier.__file__, str(file), "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not done.stdout:
        why = (done.stderr.strip().splitlines() or ["the verifier broke"])[-1]
        if not is_own:
            raise BadInput(why, mend=TAKEN)
        raise JournalCorrupt(why, mend=PUT_BACKUP)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def _tell(line: str) -> None:
    from cuga.cli.screen import say

    say(line)


async def _own_faults(found: list[Any], visit: Visit) -> int:
    """Add what the house itself finds beside that: claims and counts."""
    import msgspec

    found.extend(msgspec.to_builtins(await visit.front.verify()))
    return Exit.SUCCESS
