"""Commands for whoever operates a house: what Prometheus and Grafana load, the list of metrics, spans of one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from cuga.cli.exits import Exit
from cuga.cli.home import at_house
from cuga.cli.names import run_named
from cuga.cli.options import PLAIN, Options

if TYPE_CHECKING:
    from cuga.cli.home import Visit


def dashboard() -> int:
    """Print the Grafana dashboard of a house. In Grafana: Dashboards, New, Import.

    Examples:

        cuga observe dashboard > cuga-dashboard.json
    """
    from cuga.observability.dashboard import dashboard as drawn

    return _print(drawn())


def alerts() -> int:
    """Print the alert rules, as a file that Prometheus loads under `rule_files`.

    Examples:

        cuga observe alerts > cuga-alerts.yml

        promtool check rules cuga-alerts.yml
    """
    from cuga.observability.alerts import rules

    return _print(rules())


def scrape(
    *,
    target: Annotated[str, Parameter(help="Where `cuga serve` listens.", show_default=True)] = "127.0.0.1:8080",
    key_file: Annotated[
        Path, Parameter(help="The file that holds the key of `cuga keys make prometheus --scope look`.")
    ] = Path("/etc/prometheus/cuga.key"),
    rule_file: Annotated[Path, Parameter(help="The file of `cuga observe alerts`.", show_default=True)] = Path(
        "cuga-alerts.yml"
    ),
    worker: Annotated[
        list[str] | None,
        Parameter(negative="", help="Where a `cuga worker --metrics` answers; only its own figures are kept."),
    ] = None,
) -> int:
    """Print a prometheus.yml that scrapes one house and loads the alert rules.

    Examples:

        cuga observe scrape --target 127.0.0.1:8080 --key-file /etc/prometheus/cuga.key > prometheus.yml

        cuga observe scrape --worker 10.0.0.5:9464 --worker 10.0.0.6:9464 > prometheus.yml
    """
    from cuga.observability.alerts import scrape as written

    return _print(written(target, str(key_file), str(rule_file), tuple(worker or ())))


def metrics(*, json: Annotated[bool, Parameter(negative="", help="Print the list as JSON on stdout.")] = False) -> int:
    """Print every metric that `/metrics` may have: its kind, its labels, what it means.

    Examples:

        cuga observe metrics

        cuga observe metrics --json | jq -r '.[].name'
    """
    from cuga.observability.catalog import METRICS, page

    if json:
        from cuga.cli.screen import show_json

        show_json(METRICS)
        return Exit.SUCCESS
    return _print(page())


def send(
    run: Annotated[str, Parameter(name="RUN", help="A run: its id, the last letters of it, or `last`.")],
    address: Annotated[
        str, Parameter(name="ADDRESS", help="The collector, http://HOST:4318. Left out: what CUGA_OTLP names.")
    ] = "",
    /,
    *,
    options: Options = PLAIN,
) -> int:
    """Hand the spans of one run to a collector that speaks OTLP over HTTP, once more or for the first time.

    The same run always gives the same spans with the same ids. `cuga serve` hands over every run by itself when
    CUGA_OTLP names a collector.

    Examples:

        cuga observe send last http://127.0.0.1:4318
    """

    async def work(visit: Visit) -> int:
        from cuga.cli.screen import show, show_json
        from cuga.errors import BadInput
        from cuga.orchestrator.operating.watching import send_run

        named = address or visit.settings.otlp
        if not named:
            raise BadInput("which collector?", mend="For example: cuga observe send last http://127.0.0.1:4318")
        run_id = await run_named(visit, run)
        sent, refused = await send_run(run_id, await visit.front.events(run_id), named, visit.settings)
        if options.json:
            show_json({"run_id": run_id, "spans": sent, "refused": refused})
        else:
            show(f"{sent} spans of {run_id} handed over" + (f", {refused} refused" if refused else ""))
        return Exit.DAMAGED if refused else Exit.SUCCESS

    return at_house(options, work)


def _print(text: str) -> int:
    import sys

    sys.stdout.write(text)
    return Exit.SUCCESS
