"""Who is told outside the page, at the front door: add, list, try, remove; and the postman who delivers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parseaddr
from urllib.parse import urlsplit

from cuga.errors import BadInput, NotAllowed, NotFound
from cuga.kernel.house import ABOUT
from cuga.model import house_event as h
from cuga.model.context import SYSTEM, Principal
from cuga.model.value import Value
from cuga.notices.messages import new_secret
from cuga.notices.postman import Postman
from cuga.notices.queue import Outgoing, Target
from cuga.orchestrator.changing.switching import Switching
from cuga.policy.access import Verb, may

_THEN = datetime.min.replace(tzinfo=UTC)  # `change` sets the time


class NewNotice(Value, frozen=True, kw_only=True, omit_defaults=False):
    """A notice that was added. `secret` signs webhooks; it is shown now and never again."""

    notice_id: str
    secret: str


class Noticing(Switching):
    """Notices, at the front door."""

    async def notices(self) -> list[h.NoticeAdded]:
        """Who is told, and of what; addresses as they may be shown."""
        return list((await self.open()).state.notices.values())

    async def add_notice(
        self, channel: str, address: str, about: Sequence[str] = ABOUT, by: Principal | None = None
    ) -> NewNotice:
        """Tell somebody from now on: at a webhook, in Slack or Teams, or by e-mail."""
        assembly = await self.open()
        shown = _shown(channel, address)
        notice_id = assembly.clock.new_id()
        secret = new_secret() if channel == "webhook" else ""
        added = h.NoticeAdded(
            at=_THEN, notice_id=notice_id, channel=channel, address=shown, about=tuple(dict.fromkeys(about))
        )
        assembly.outgoing().add_target(notice_id, Target(channel, address, secret))
        try:
            await self.change(added, by)
        except BaseException:
            assembly.outgoing().drop_target(notice_id)
            raise
        await self._begin_at_the_end()
        return NewNotice(notice_id=notice_id, secret=secret)

    async def remove_notice(self, notice_id: str, by: Principal | None = None) -> None:
        """Tell nobody there any more; what was still to be told is dropped."""
        await self.change(h.NoticeRemoved(at=_THEN, notice_id=notice_id), by)
        (await self.open()).outgoing().drop_target(notice_id)

    async def test_notice(self, notice_id: str, by: Principal | None = None) -> None:
        """Send a message now, to see whether it arrives; raises what went wrong."""
        assembly = await self.open()
        ruling = may(by or await self.principal(), Verb.GOVERN, assembly.current)
        if not ruling.allowed:
            raise NotAllowed("; ".join(ruling.reasons))
        if notice_id not in assembly.state.notices:
            raise NotFound(f"no notice {notice_id}", mend="`cuga notices` lists them.")
        postman = await self.postman()
        await postman.send(assembly.outgoing().target(notice_id), postman.test())

    async def postman(self) -> Postman:
        """Whoever delivers for this house; one process lets it work, the one that serves."""
        assembly = await self.open()

        async def lost(one: Outgoing, reason: str) -> None:
            told = h.NoticeLost(
                at=assembly.clock.now(),
                by=SYSTEM.id,
                notice_id=one.notice_id,
                about=one.message.about,
                run_id=one.message.run_id,
                attempts=one.attempts + 1,
                reason=reason,
            )
            await assembly.change(told, SYSTEM)

        return Postman(
            assembly.journal,
            assembly.outgoing(),
            assembly.clock,
            assembly.settings,
            targets=lambda: assembly.state.notices,
            link=lambda: assembly.served_at,
            lost=lost,
            tenant=assembly.tenant,
        )

    async def _begin_at_the_end(self) -> None:
        """What was before nobody asked to be told of."""
        if (await self.open()).outgoing().position is None:
            await (await self.postman()).look()


def mail_address(said: str) -> str:
    """An e-mail address as it was said; `BadInput` for what is none."""
    _, found = parseaddr(said)
    if found != said or "@" not in said or not said.isprintable():
        raise BadInput(f"{said!r} is no e-mail address")
    return said


def _shown(channel: str, address: str) -> str:
    """An address as everybody may see it: of a URL, whose path is a secret, the host."""
    if channel == "email":
        return mail_address(address)
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("https", "http") or parts.username:
        raise BadInput(f"{address!r} is no address of a webhook", mend="Write https://...")
    return host
