"""The postman: reads the journal on, keeps what is to be told, and delivers it until it arrives or is given up.

Everything goes out through `outbound`. A target that does not answer costs nobody anything but its own messages.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from cuga.clock import Clock
from cuga.errors import BadInput, CugaError, EventUnreadable, NotDone
from cuga.journal.codec import PLAIN
from cuga.journal.port import ReadJournal
from cuga.model import event as e
from cuga.model.house_event import NoticeAdded
from cuga.notices.messages import (
    ENDED,
    EXPIRING,
    INVITED,
    TEST,
    WAITING,
    Message,
    for_mail,
    for_slack,
    for_teams,
    signed,
)
from cuga.notices.queue import Outgoing, Queue, Target
from cuga.outbound.addresses import Egress
from cuga.outbound.client import SafeClient
from cuga.outbound.mail import MailServer, send_mail

LOOK_S = 5.0  # seconds between two looks when nothing moves
SOON = timedelta(hours=1)  # before its end a request is told once more, or half its time when it has less
ATTEMPTS = 12  # over about a day
FIRST_S, CAP_S = 5.0, 4 * 3600.0  # of the wait between attempts
PER_LOOK = 500  # facts of the journal taken at a time

log = logging.getLogger("cuga.notices")


class Surroundings(Protocol):
    """What settings say of the ways out."""

    @property
    def proxy(self) -> str: ...

    @property
    def inside(self) -> tuple[str, ...]: ...

    @property
    def mail_server(self) -> str: ...

    @property
    def mail_from(self) -> str: ...

    @property
    def variables(self) -> Mapping[str, str]: ...


class Postman:
    """Tells whoever wants to be told. `targets` and `link` are asked for anew with every look."""

    def __init__(
        self,
        journal: ReadJournal,
        queue: Queue,
        clock: Clock,
        settings: Surroundings,
        *,
        targets: Callable[[], Mapping[str, NoticeAdded]],
        link: Callable[[], str],
        lost: Callable[[Outgoing, str], Awaitable[None]],
        tenant: str,
    ) -> None:
        self._journal = journal
        self._queue = queue
        self._clock = clock
        self._settings = settings
        self._targets = targets
        self._link = link
        self._lost = lost
        self._tenant = tenant

    async def work(self) -> None:
        """Look, deliver, wait; until cancelled."""
        while True:
            try:
                moved = await self.look()
                moved += await self.deliver()
            except Exception as error:  # whatever it is, it ends no later look
                log.warning("notices: %s: %s", type(error).__name__, error)
                moved = 0
            if not moved:
                await asyncio.sleep(LOOK_S)

    async def look(self) -> int:
        """Read the journal on and keep what is to be told; returns how many facts were read."""
        position = self._queue.position
        if position is None:  # what was before nobody asked to be told of
            self._queue.keep((), await self._end())
            return 0
        read = 0
        messages: list[tuple[Message, str]] = []
        async for stored in self._journal.feed(position):
            position = stored.position
            read += 1
            if stored.stream.startswith("house/"):
                continue
            try:
                messages += [one async for one in self._messages(stored.stream, PLAIN.decode(stored.readable))]
            except EventUnreadable:
                continue  # a newer version's
            if read >= PER_LOOK:
                break
        if not read and not await self._reaches(position):
            self._queue.go_back(await self._end())
            return 0
        messages += [one async for one in self._expiring()]
        self._queue.keep(messages, position if read else None)
        return read

    async def deliver(self) -> int:
        """Send what is due; returns how many were delivered."""
        done = 0
        for one in self._queue.due():
            if one.notice_id not in self._targets():  # removed, and on another machine: this one kept the address
                self._queue.drop_target(one.notice_id)
                continue
            try:
                await self.send(self._queue.target(one.notice_id), one.message)
            except Exception as error:  # one that breaks what sends it keeps no other from being told
                await self._failed(one, error)
            else:
                self._queue.delivered(one)
                done += 1
        return done

    async def send(self, target: Target, message: Message) -> None:
        """Send one message once; raises what went wrong."""
        if target.channel == "email":
            if not self._settings.mail_server:
                raise BadInput("no mail server is set", mend="Set CUGA_MAIL_SERVER=smtp://user@host:587.")
            password = self._settings.variables.get("CUGA_MAIL_PASSWORD", "")
            server = MailServer.read(self._settings.mail_server, password)
            sender = self._settings.mail_from or target.address
            await send_mail(server, for_mail(message, sender, target.address), Egress(inside=self._settings.inside))
            return
        headers = {"content-type": "application/json"}
        match target.channel:
            case "slack":
                body = for_slack(message)
            case "teams":
                body = for_teams(message)
            case _:
                body, headers = signed(message, target.secret, self._clock.now())
        client = SafeClient.under(self._settings, plain=target.address.startswith("http://"), attempts=1)
        await client.post(target.address, body=body, headers=headers, key=message.message_id)

    def test(self) -> Message:
        """A message to try a target out."""
        return self._message(TEST, f"test/{self._clock.now().timestamp()}", at=self._clock.now(), path="/")

    async def invite(self, address: str, path: str, *, by: str, until: datetime) -> None:
        """Mail somebody the link that lets them in; raises what went wrong. It is in no queue: nothing keeps it."""
        told = self._message(INVITED, path, at=self._clock.now(), path=path, requester=by, expires_at=until)
        await self.send(Target("email", address, ""), told)

    async def _failed(self, one: Outgoing, error: Exception) -> None:
        said, asked = f"{type(error).__name__}: {error}", None
        if isinstance(error, CugaError):
            said, asked = error.message, error.facts.get("retry_after_s")
        if one.attempts + 1 >= ATTEMPTS or isinstance(error, BadInput):
            self._queue.delivered(one)
            await self._lost(one, said)
            return
        wait = min(CAP_S, FIRST_S * 2**one.attempts)
        self._queue.again(one, max(wait, float(asked)) if isinstance(asked, (int, float)) else wait)
        log.info("notices: %s: %s", type(error).__name__ if isinstance(error, NotDone) else "unanswered", error)

    async def _messages(self, run_id: str, event: e.Event) -> AsyncIterator[tuple[Message, str]]:
        if not self._targets():
            return
        match event:
            case e.ApprovalRequested():
                start = await self._start_of(run_id)
                message = self._message(
                    WAITING,
                    event.approval_id,
                    at=event.at,
                    path=f"/#/inbox/{event.approval_id}",
                    run_id=run_id,
                    approval_id=event.approval_id,
                    goal=start.goal if start else "",
                    tool=event.tool,
                    risk=event.risk,
                    requester=", ".join(event.requesters),
                    expires_at=event.expires_at,
                    reason=event.reason,
                )
                for one in self._for(WAITING, message):
                    yield one
            case e.RunFinished():
                start = await self._start_of(run_id)
                if start is None or start.plan_only:
                    return
                message = self._message(
                    ENDED,
                    run_id,
                    at=event.at,
                    path=f"/#/runs/{run_id}",
                    run_id=run_id,
                    goal=start.goal,
                    requester=start.requester.id,
                    status=event.status.value,
                    reason=event.reason,
                )
                for one in self._for(ENDED, message):
                    yield one

    async def _expiring(self) -> AsyncIterator[tuple[Message, str]]:
        if not any(EXPIRING in notice.about for notice in self._targets().values()):
            return
        now, after = self._clock.now(), ""
        while page := await self._journal.open_approvals(tenant=self._tenant, after=after, limit=500):
            for one in page:
                left, whole = one.expires_at - now, one.expires_at - one.requested_at
                if timedelta(0) < left <= min(SOON, whole / 2):
                    start = await self._start_of(one.run_id)
                    message = self._message(
                        EXPIRING,
                        one.approval_id,
                        at=now,
                        path=f"/#/inbox/{one.approval_id}",
                        run_id=one.run_id,
                        approval_id=one.approval_id,
                        goal=start.goal if start else "",
                        tool=one.tool,
                        risk=one.risk,
                        requester=", ".join(one.requesters),
                        expires_at=one.expires_at,
                    )
                    for kept in self._for(EXPIRING, message):
                        yield kept
            after = page[-1].approval_id

    def _for(self, about: str, message: Message) -> Iterator[tuple[Message, str]]:
        for notice_id, notice in self._targets().items():
            if about in notice.about and notice.at <= message.at:
                yield message, notice_id

    def _message(self, about: str, thing: str, *, at: datetime, path: str, **fields: object) -> Message:
        name = hashlib.sha256(f"{self._tenant}/{about}/{thing}".encode()).hexdigest()[:32]
        empty = dict.fromkeys(("run_id", "approval_id", "goal", "tool", "risk", "requester", "status", "reason"), "")
        told = {**empty, "expires_at": None, **fields}
        return Message(message_id=f"msg_{name}", about=about, at=at, link=f"{self._link()}{path}", **told)  # type: ignore[arg-type]

    async def _start_of(self, run_id: str) -> e.RunStarted | None:
        """How a run began, as it is readable now: what was read before may be erased since."""
        stored = await self._journal.read(run_id)
        first = PLAIN.decode(stored[0].readable) if stored else None
        return first if isinstance(first, e.RunStarted) else None

    async def _reaches(self, position: int) -> bool:
        """Whether the journal goes as far as it was read; one that was put back to an earlier time does not."""
        async for _ in self._journal.feed(max(position - 1, 0)):
            return True
        return not position

    async def _end(self) -> int:
        position = 0
        async for stored in self._journal.feed():
            position = stored.position
        return position
