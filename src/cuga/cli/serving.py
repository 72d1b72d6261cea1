"""Hold a house open: sweep up what earlier processes left, then tell what ends and what waits, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import webbrowser
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cuga.cli.exits import Exit
from cuga.cli.screen import ended, is_watched, say, show_json
from cuga.errors import BadInput

if TYPE_CHECKING:
    from cuga.api.listening import Taken
    from cuga.cli.home import Visit
    from cuga.model.event import Event
    from cuga.orchestrator.calendar.timetable import Started


@dataclass(frozen=True)
class Wanted:
    """Where the page and the API are to be served. `opens`: whether a browser is opened; None: at a terminal."""

    host: str
    port: int | None
    public_url: str
    opens: bool | None


ADDRESS = "For example: --metrics 127.0.0.1:9464, or --metrics 0 for any port that is free."


class Asked:
    """Where a process that serves nothing else answers how it is. The port is taken before a house is opened, so that
    one that cannot be had is told before anything is begun."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._taken: Taken | None = None

    def __enter__(self) -> None:
        try:
            from cuga.api.listening import take_socket
        except ImportError as missing:
            raise BadInput(
                f"--metrics needs {missing.name}, which is not installed", mend="pip install 'cugar[serve]'"
            ) from missing
        self._taken = take_socket(self._host, self._port, mend="Name another one with --metrics, or --metrics 0.")

    def __exit__(self, *_: object) -> None:
        assert self._taken is not None
        self._taken.close()

    async def stand_beside(self, visit: Visit) -> tuple[str, str]:
        """Answer until no work is in hand any more; gives the address, and what a person is told of it."""
        from cuga.api.listening import is_loopback
        from cuga.api.vitals import vitals

        assert self._taken is not None
        assembly = await visit.front.open()
        address = await assembly.beside.enter_async_context(vitals(assembly, self._taken, self._host))
        told = f"Health, readiness and metrics: {address.url}"
        if not is_loopback(self._host):
            told += "; no TLS: keep this address inside, and use a key for it alone"
        return address.url, told


def read_address(said: str) -> tuple[str, int]:
    """HOST:PORT, or a port of this machine. `BadInput` for anything else."""
    host, _, port = said.strip().rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535 or (":" in host and not is_bracketed):
        raise BadInput(f"{said!r} is no HOST:PORT", mend=ADDRESS)
    return host.strip("[]") or "127.0.0.1", int(port)


async def serve_until_stopped(
    visit: Visit,
    wanted: Wanted | None,
    *,
    as_json: bool,
    replies_s: int = 0,
    keeps_time: bool = True,
    asked: Asked | None = None,
) -> int:
    """Drive every run of the house until Ctrl-C or SIGTERM, with its doors open when they are wanted; take replies in
    every `replies_s` seconds, if any, and begin what its timetable has unless others do."""
    from cuga.orchestrator.operating.watching import watched

    if asked is not None:
        url, told_of_it = await asked.stand_beside(visit)
        if as_json:
            show_json({"url": url}, line=True)
        say(told_of_it)
    async with watched(await visit.front.open()), _doors(visit, wanted, as_json=as_json) as told:
        return await _hold(visit, told, as_json=as_json, replies_s=replies_s, keeps_time=keeps_time)


@asynccontextmanager
async def _doors(visit: Visit, wanted: Wanted | None, *, as_json: bool) -> AsyncIterator[tuple[str, ...]]:
    """Open the doors that are wanted; gives what a person is told of them."""
    if wanted is None:
        yield ()
        return
    try:
        from cuga.api.serve import served
    except ImportError as missing:
        yield (
            f"No page and no API: {missing.name} is not installed. The house is held all the same.",
            "Install them: pip install 'cugar[serve]'; or say --no-page.",
        )
        return
    front = visit.front
    async with served(front, host=wanted.host, port=wanted.port, public_url=wanted.public_url) as doors:
        link = await front.login_link()
        if as_json:
            show_json({"link": link, "url": doors.address.url, "user": front.user}, line=True)
        if wanted.opens or (wanted.opens is None and is_watched() and not as_json):
            await asyncio.to_thread(webbrowser.open, link)
        yield () if as_json else ("", f"Open {link}", "It signs you in once, within half an hour.", "")


async def _hold(visit: Visit, told: tuple[str, ...], *, as_json: bool, replies_s: int, keeps_time: bool) -> int:
    from cuga.model.event import RunFinished, RunParked, RunStarted
    from cuga.orchestrator.calendar.timetable import keep_time
    from cuga.orchestrator.house.process import end_when_paused, settle_in

    assembly = await visit.front.open()

    def tell(run_id: str, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case RunStarted():
                    said = f"started: {event.goal}"
                case RunParked():
                    said = f"parked: {event.reason}"
                case RunFinished():
                    said = ended(event.status.value, event.reason)
                case _:
                    continue
            if as_json:
                show_json({"run_id": run_id, "at": event.at, "said": said}, line=True)
            else:
                say(f"{event.at:%H:%M:%S}  {run_id}  {said}")

    def tell_time(started: Started) -> None:
        from cuga.cli.render.timetable import told

        show_json(started, line=True) if as_json else say(*told(started))

    stop = assembly.engine.listen("", tell)
    settle_in()
    end_when_paused(assembly)
    woken = await assembly.engine.sweep()
    say(f"Serving {visit.place.root}; went on with {woken} runs. Other commands work beside this one; Ctrl-C stops it.")
    if told:
        say(*told)
    stopped = asyncio.Event()
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    timing = asyncio.ensure_future(keep_time(visit.front, tell_time) if keeps_time else stopped.wait())
    timing.add_done_callback(lambda _: stopped.set())  # whoever cannot read the house's clock any more must not go on
    reading = asyncio.ensure_future(_keep_reading(visit, replies_s, as_json=as_json)) if replies_s else None
    try:
        await stopped.wait()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
    finally:
        stop()
        timing.cancel()
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        failed = (await asyncio.gather(timing, return_exceptions=True))[0]
    if isinstance(failed, Exception):
        raise failed
    say("Stopping. Calls in flight get a few seconds to end; nothing is lost.")
    return Exit.SUCCESS


async def _keep_reading(visit: Visit, every_s: int, *, as_json: bool) -> None:
    """Take replies in again and again; what cannot be read now is said, once until it changes, and tried again."""
    from cuga.cli.render.mailroom import whole
    from cuga.cli.screen import show
    from cuga.errors import CugaError

    said: tuple[str, ...] = ()
    while True:
        try:
            taken = await visit.front.take_replies()
            news, said = taken.mails or taken.trouble != said, taken.trouble
            if news:
                show_json(taken, line=True) if as_json else show(whole(taken, visit.place.inbox))
        except CugaError as error:
            say(f"Replies could not be taken in: {error}")
        await asyncio.sleep(every_s)
