"""Commands that make a house and bring data into it: init, import."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.given import must_be_readable
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput, CugaError

if TYPE_CHECKING:
    from cuga.adapters.offline import CrmStore
    from cuga.cli.home import Visit
    from cuga.orchestrator.house.place import Place
    from cuga.packs.sales.importing.report import ImportReport, Problem
    from cuga.settings import Settings

_EXPORTS = "Point at an export (CSV, XLSX, JSON) of accounts, deals or contacts, or at a directory of them."
Mapping = Annotated[
    Path | None,
    Parameter(help="A JSON file that says which file is what and which column is which; `--save-mapping` writes one."),
]
Report = Annotated[Path | None, Parameter(help="Write every remark as a row of this CSV file, however many there are.")]
BringBack = Annotated[
    bool, Parameter(negative="", help="Store rows about people who were erased here too; they stay blocked for mail.")
]
SaveMapping = Annotated[Path | None, Parameter(help="Write the mapping that was used, to be changed and given back.")]


def init(
    directory: Annotated[Path, Parameter(name="DIR", help="Where the house shall be.")],
    /,
    *,
    from_: Annotated[
        Path | None,
        Parameter(
            name="--from", help="A directory of exports (CSV, XLSX, JSON): accounts, deals, contacts, products, teams."
        ),
    ] = None,
    sample: Annotated[
        bool, Parameter(negative="", help="Fill it with a fictitious company's data, to try things out.")
    ] = False,
    mapping: Mapping = None,
    save_mapping: SaveMapping = None,
    report: Report = None,
    bring_back_erased: BringBack = False,
    options: Options = PLAIN,
) -> int:
    """Make a house: one directory with rules, records, runs and the outbox. What is there already stays as it is.

    Examples:

        cuga init sales/ --from exports/

        cuga init try/ --sample
    """
    if from_ is not None and sample:
        raise BadInput("--from and --sample exclude each other", mend="Make two houses: one to work in, one to try in.")
    is_new = not (directory / "registry.yaml").exists()
    if from_ is not None:
        must_be_readable(from_, _EXPORTS)
    was_there, is_empty = directory.exists(), _holds_nothing(directory)
    made = made_in(directory)
    try:
        found = None
        if from_ is not None:
            found = _imported(made, options, from_, mapping, listing=report, bring_back=bring_back_erased)
        elif sample:
            found = sampled(made)
    except CugaError:
        if is_empty:  # no house of somebody's mistake is left behind; an empty directory of theirs stays
            with suppress(OSError):
                _empty(made.root)
                if not was_there:
                    made.root.rmdir()
        raise
    return _tell(made, found, options, save_mapping, is_new=is_new)


def _empty(directory: Path) -> None:
    for found in directory.iterdir():
        shutil.rmtree(found) if found.is_dir() else found.unlink()


def _holds_nothing(directory: Path) -> bool:
    return not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))


def made_in(directory: Path) -> Place:
    """The house of a directory, made where none is. Where one was and is gone its seals are kept, and the new one gets
    its own."""
    from cuga.cli.screen import say
    from cuga.orchestrator.house.place import make
    from cuga.orchestrator.keeping.sealing import set_aside
    from cuga.settings import read_settings

    is_empty = _holds_nothing(directory)
    place = make(directory)
    if is_empty and (kept := set_aside(place.root, read_settings().seals)) is not None:
        say(f"There was another house at {place.root} before; what was sealed of it is kept in {kept}")
    return place


def import_(
    source: Annotated[Path, Parameter(name="SOURCE", help="An export, CSV, XLSX or JSON; or a directory of them.")],
    /,
    *,
    mapping: Mapping = None,
    save_mapping: SaveMapping = None,
    report: Report = None,
    dry: Annotated[bool, Parameter(negative="", help="Only say what would be read; store nothing.")] = False,
    bring_back_erased: BringBack = False,
    options: Options = PLAIN,
) -> int:
    """Bring exports into a house. The same files again change nothing; changed rows are taken over.

    Exports of Salesforce, HubSpot and Pipedrive are known by their columns; the mapping that was used can be changed.

    Examples:

        cuga import exports/ --dry

        cuga import accounts.csv

        cuga import exports/ --mapping mapping.json
    """
    from cuga.orchestrator.house.place import find
    from cuga.settings import read_settings

    must_be_readable(source, _EXPORTS)
    place = find(read_settings(house=options.house).house)
    found = _imported(place, options, source, mapping, dry=dry, listing=report, bring_back=bring_back_erased)
    if dry:
        _show_report(found, options, save_mapping)
        return Exit.SUCCESS
    return _tell(place, found, options, save_mapping, is_new=None)


def _imported(
    place: Place,
    options: Options,
    source: Path,
    mapping: Path | None,
    *,
    dry: bool = False,
    listing: Path | None = None,
    bring_back: bool = False,
) -> ImportReport:
    from cuga.orchestrator.changing.bringing import at_store
    from cuga.orchestrator.house.gone import gone_at
    from cuga.packs.sales.importing import import_directory
    from cuga.settings import read_settings

    settings = read_settings(house=place.root, database=options.database or None)
    if bring_back and not dry:
        _clean_up(place, settings)
    with gone_at(place, settings) as gone, _heard(listing) as listener:
        return at_store(
            place,
            lambda store: import_directory(
                source, store, mapping=mapping, dry=dry, listener=listener, gone=gone, bring_back=bring_back
            ),
        )


def _clean_up(place: Place, settings: Settings) -> None:
    """A house of several machines is clean here before somebody is brought back: cleaning would take them along."""
    import asyncio

    from cuga.orchestrator import Coordinator
    from cuga.orchestrator.house.database import database_of

    async def open_once() -> None:
        async with Coordinator(house=place.root, settings=settings) as front:
            await (await front.open()).cleaning.must_be_clean()

    if database_of(place, settings):
        asyncio.run(open_once())


@contextmanager
def _heard(path: Path | None) -> Iterator[Callable[[Problem], None] | None]:
    """A CSV file that every problem of an import is written to as it is found, if one is wanted."""
    if path is None:
        yield None
        return
    import csv

    from cuga.packs.sales.importing.report import Problem
    from cuga.projections.export import cell

    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}") from error
    with file:
        writer = csv.writer(file, lineterminator="\r\n")
        names = Problem.__struct_fields__
        writer.writerow(names)
        yield lambda problem: writer.writerow([cell(getattr(problem, name)) for name in names])


def sampled(place: Place) -> ImportReport:
    """Store the made-up records in a house; `BadInput` where there are others."""
    from cuga.clock import SystemClock
    from cuga.orchestrator.changing.bringing import SAMPLE, at_store, sample_into

    today = SystemClock().now().date()

    def work(store: CrmStore) -> ImportReport:
        if not store.kept(SAMPLE) and any(store.count(kind) for kind in ("accounts", "opportunities", "contacts")):
            raise BadInput(
                "this house has records of its own, and made-up ones would lie among them",
                mend="Make another one to try things: cuga init try/ --sample",
            )
        return sample_into(store, today, place)

    return at_store(place, work)


def _tell(
    place: Place, report: ImportReport | None, options: Options, save_mapping: Path | None, *, is_new: bool | None
) -> int:
    """Open the house, note the import in its stream, and say what there is now."""

    async def work(visit: Visit) -> int:
        if report is not None:
            await note(visit, report)
        return Exit.SUCCESS

    at_house(replace(options, house=place.root), work)
    from cuga.cli.screen import say, show_json

    if options.json:
        show_json({"house": str(place.root), "made": bool(is_new), "import": _as_json(report)})
        _save(report, save_mapping)
        return Exit.SUCCESS
    if is_new is not None:
        say(f"{'Made' if is_new else 'Kept'} the house {place.root}" + ("" if is_new else "; it was there already"))
    if report is not None:
        _show_report(report, options, save_mapping)
    example = _example(place, report)
    say("", f'Next: cuga run "{example}" --house {quoted(place.root)}')
    return Exit.SUCCESS


async def note(visit: Visit, report: ImportReport) -> None:
    """Write into the house's own stream that data came in, when any did."""
    if report.added or report.changed:
        from cuga.orchestrator.changing.bringing import imported

        await visit.front.change(imported(report))


def _show_report(report: ImportReport, options: Options, save_mapping: Path | None) -> None:
    from cuga.cli.screen import show, show_json

    if options.json:
        show_json(_as_json(report))
    else:
        from cuga.cli.render.imports import whole

        show(whole(report))
    _save(report, save_mapping)


def _save(report: ImportReport | None, path: Path | None) -> None:
    if path is None or report is None:
        return
    import json

    try:
        path.write_text(json.dumps(report.mapping(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror or error}") from error


def _as_json(report: ImportReport | None) -> object:
    if report is None:
        return None
    import msgspec

    counts = {"rows": report.rows, "stored": report.stored, "not_stored": report.not_stored}
    return {**msgspec.to_builtins(report), **counts, "mapping": report.mapping()}


def _example(place: Place, report: ImportReport | None) -> str:
    """A goal that works here, as nobody knows the names of their own export by heart."""
    from cuga.adapters.offline import CrmStore

    store = CrmStore.open(place.crm)
    try:
        names = store.names("accounts")
    finally:
        store.close()
    if not names:
        return "What can you do?"
    return f"Score {names[0][1] or names[0][0]}"


def quoted(path: Path) -> str:
    """A path as a shell takes it."""
    import shlex

    return shlex.quote(str(path))
