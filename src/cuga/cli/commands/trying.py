"""Commands that try rules before they hold: policy test, backtest, shadow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.options import PLAIN, Options
from cuga.errors import BadInput

if TYPE_CHECKING:
    from datetime import datetime

    from cuga.cli.home import Visit

Since = Annotated[str, Parameter(help="Only runs that began then or later: 2026-10-01, or with a time; UTC.")]


def try_cases(
    cases: Annotated[Path, Parameter(name="CASES", help="A file of cases, see `docs/howto/try-rules.md`.")],
    /,
    *,
    registry: Annotated[Path | None, Parameter(help="The registry to try; left out: that of the house.")] = None,
    options: Options = PLAIN,
) -> int:
    """Hold a registry against cases that say what it should do. Ends with 5 when one of them does not hold.

    Examples:

        cuga policy test policy-cases.yaml

        cuga policy test policy-cases.yaml --registry tomorrow.yaml
    """
    from cuga.cli.render.trying import outcomes as drawn
    from cuga.cli.screen import show, show_json
    from cuga.orchestrator.house.place import find
    from cuga.orchestrator.rehearsal import Stage, read_cases, rehearse
    from cuga.settings import read_settings

    path = registry if registry is not None else find(read_settings(house=options.house).house).registry
    found = rehearse(Stage.of(path), read_cases(_text(cases), str(cases)))
    show_json(found) if options.json else show(drawn(found))
    return Exit.FAILED if any(one.wrong for one in found) else Exit.SUCCESS


def backtest(
    registry: Annotated[Path, Parameter(name="REGISTRY", help="The rules to try.")],
    /,
    *,
    since: Since = "",
    options: Options = PLAIN,
) -> int:
    """Say what other rules would have done with the runs on record: what would change, and whom it would stop.

    Nothing is called or changed.

    Examples:

        cuga policy backtest tomorrow.yaml --since 2026-10-01
    """
    text, begin = _text(registry), _moment(since)

    async def work(visit: Visit) -> int:
        from cuga.cli.render.trying import backtest as drawn
        from cuga.cli.screen import show, show_json

        found = await visit.front.backtest(text, since=begin)
        show_json(found) if options.json else show(drawn(found))
        return Exit.SUCCESS

    return at_house(options, work)


def shadow(
    registry: Annotated[
        Path | None, Parameter(name="REGISTRY", help="Rules to keep in the shadow from now on.")
    ] = None,
    /,
    *,
    end: Annotated[bool, Parameter(negative="", help="Tell once more, and stop.")] = False,
    options: Options = PLAIN,
) -> int:
    """Keep other rules beside the house's own, and say what they would have done since. They decide nothing.

    Examples:

        cuga policy shadow tomorrow.yaml

        cuga policy shadow

        cuga policy shadow --end
    """
    text = None if registry is None else _text(registry)

    async def work(visit: Visit) -> int:
        from cuga.cli.render.trying import backtest as drawn
        from cuga.cli.screen import say, show, show_json

        found = await visit.front.shadow(text, end=end)
        show_json(found) if options.json else show(drawn(found))
        if text is not None or end:
            kept = "Kept in the shadow from now on; `cuga policy shadow` says what they would have done."
            say("They are kept no longer." if end else kept)
        return Exit.SUCCESS

    return at_house(options, work)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _moment(said: str) -> datetime | None:
    from datetime import UTC, datetime

    if not said:
        return None
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise BadInput(f"{said!r} is no day or time", mend="For example 2026-10-01, or 2026-10-01T09:00.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
