"""People are told outside the page: what arrives where, signed and once, and what happens when nobody is there."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes
from email.message import Message as Mail

import msgspec
import pytest
from tests.doors.http_house import Served, house

from cuga.clock import ManualClock
from cuga.errors import BadInput, EgressRefused, NotAllowed, NotFound, Rejected, Unreachable
from cuga.model import house_event as h
from cuga.notices.postman import ATTEMPTS, Postman
from cuga.outbound.addresses import Egress
from cuga.outbound.mail import MailServer, send_mail
from cuga.settings import Settings

Seen = tuple[str, dict[str, str], bytes]


class Receiver:
    """Somebody else's server: it keeps what comes and answers what it is told to."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.status = 200
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.seen.append((head[0].split()[1], headers, body))
        writer.write(f"HTTP/1.1 {self.status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok".encode())
        await writer.drain()
        writer.close()


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def team(receiver: Receiver) -> AsyncIterator[Served]:
    settings = Settings(inside=("127.0.0.1",), variables={})
    async with house(settings=settings, clock=ManualClock()) as opened:
        yield opened


async def deliver(postman: Postman) -> int:
    await postman.look()
    return await postman.deliver()


async def test_a_webhook_is_told_once_of_what_waits_signed_as_the_standard_says(team, receiver):
    by = await team.front.principal("eve")
    before = await team.browser("ann").run(("post", {"to": "before"}))
    made = await team.front.add_notice("webhook", f"{receiver.url}/in?token=secret", by=by)
    run = await team.browser("ann").run(("post", {"to": "x", "text": "the words of the call"}))
    postman = await team.front.postman()
    assert await deliver(postman) == 1
    assert await deliver(await team.front.postman()) == 0, "another look tells nothing twice"
    ((path, headers, body),) = receiver.seen
    assert path == "/in?token=secret"
    told = msgspec.json.decode(body)
    assert told["type"] == "cuga.waiting" and told["data"]["run_id"] == run["run_id"] != before["run_id"]
    assert told["data"]["link"].endswith(f"/#/inbox/{run['run_id']}-a1")
    assert b"the words of the call" not in body
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    signed = b".".join((headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body))
    mark = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mark}"
    acts = (await team.browser("eve").get("/api/audit")).text
    assert "token=secret" not in acts and made.secret not in acts


async def test_every_channel_says_it_in_its_own_form_and_text_is_never_markup(team, receiver):
    by = await team.front.principal("eve")
    for channel in ("slack", "teams"):
        await team.front.add_notice(channel, f"{receiver.url}/{channel}", ("ended",), by=by)
    plan = {"goal": "<!channel> *bold* [x](http://evil)", "steps": [{"tool": "read_number"}]}
    await team.browser("ann").post("/api/agents/execute", plan)
    await deliver(await team.front.postman())
    bodies = {path: msgspec.json.decode(body) for path, _, body in receiver.seen}
    slack = bodies["/slack"]["blocks"][0]["text"]["text"]
    assert "&lt;!channel&gt;" in slack and "*bold*" not in slack
    teams = bodies["/teams"]["attachments"][0]["content"]["body"]
    assert any("\\[x\\]" in block["text"] for block in teams)
    assert bodies["/slack"]["blocks"][1]["elements"][0]["url"].startswith("http")


async def test_a_request_about_to_expire_is_told_once_more(team, receiver):
    by = await team.front.principal("eve")
    await team.front.add_notice("webhook", receiver.url, ("expiring",), by=by)
    await team.browser("ann").run(("post", {"to": "x"}))
    postman = await team.front.postman()
    assert await deliver(postman) == 0
    team.front._assembly.clock.advance(timedelta(hours=23, minutes=30))
    assert await deliver(postman) == 1
    assert await deliver(postman) == 0


async def test_what_does_not_arrive_is_tried_again_later_and_in_the_end_put_on_record(team, receiver):
    by = await team.front.principal("eve")
    receiver.status = 503
    await team.front.add_notice("webhook", receiver.url, by=by)
    await team.browser("ann").run(("post", {"to": "x"}))
    postman, clock = await team.front.postman(), team.front._assembly.clock
    for attempt in range(ATTEMPTS):
        assert await deliver(postman) == 0
        assert len(receiver.seen) == attempt + 1
        assert await postman.deliver() == 0, "not before its time"
        assert len(receiver.seen) == attempt + 1
        clock.advance(timedelta(hours=5))
    assert len({headers["webhook-id"] for _, headers, _ in receiver.seen}) == 1
    acts = await team.front.acts()
    assert acts[0].kind == "notice_lost" and f"after {ATTEMPTS} attempts" in acts[0].text
    assert team.front._assembly.outgoing().waiting == 0


async def test_nobody_is_told_any_more_where_a_notice_was_removed_on_another_machine(team, receiver):
    by = await team.front.principal("eve")
    receiver.status = 503
    made = await team.front.add_notice("webhook", receiver.url, by=by)
    await team.browser("ann").run(("post", {"to": "x"}))
    postman, assembly = await team.front.postman(), team.front._assembly
    assert await deliver(postman) == 0 and len(receiver.seen) == 1
    await team.front.change(h.NoticeRemoved(at=assembly.clock.now(), notice_id=made.notice_id), by)  # that one only
    receiver.status = 200
    assembly.clock.advance(timedelta(hours=5))
    assert await deliver(postman) == 0 and len(receiver.seen) == 1
    assert assembly.outgoing().waiting == 0
    with pytest.raises(NotFound):
        assembly.outgoing().target(made.notice_id)


async def test_one_message_that_breaks_what_sends_it_keeps_no_other_from_being_told(team, receiver, monkeypatch):
    by = await team.front.principal("eve")
    for channel in ("slack", "teams"):
        await team.front.add_notice(channel, f"{receiver.url}/{channel}", ("ended",), by=by)
    await team.browser("ann").post("/api/agents/execute", {"goal": "x", "steps": [{"tool": "read_number"}]})

    def broken(_message):
        raise KeyError("nobody thought of this")

    monkeypatch.setattr("cuga.notices.postman.for_slack", broken)
    postman, clock = await team.front.postman(), team.front._assembly.clock
    for _ in range(ATTEMPTS):
        await deliver(postman)
        clock.advance(timedelta(hours=5))
    assert [path for path, _, _ in receiver.seen] == ["/teams"]
    acts = (await team.browser("eve").get("/api/audit")).text
    assert "nobody thought of this" in acts


async def test_a_look_that_breaks_is_followed_by_others(team, receiver, monkeypatch):
    by = await team.front.principal("eve")
    await team.front.add_notice("webhook", f"{receiver.url}/in", ("ended",), by=by)
    postman = await team.front.postman()
    await postman.look()
    await team.browser("ann").post("/api/agents/execute", {"goal": "x", "steps": [{"tool": "read_number"}]})
    looks, look = [], postman.look

    async def at_times() -> int:
        looks.append(len(looks))
        if len(looks) == 1:
            raise KeyError("nobody thought of this")
        return await look()

    monkeypatch.setattr(postman, "look", at_times)
    working = asyncio.ensure_future(postman.work())
    async with asyncio.timeout(20):
        while not receiver.seen:
            await asyncio.sleep(0.05)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_messages_survive_the_process_and_go_out_once_it_is_back(tmp_path, receiver):
    from tests.doors.http_house import World

    from cuga.orchestrator.coordinator import Coordinator
    from cuga.orchestrator.house.place import make

    place = make(tmp_path / "house")
    registry = place.registry.read_text()
    settings = Settings(inside=("127.0.0.1",), variables={})

    def opened() -> Coordinator:
        return Coordinator(house=place.root, tools=World().tools(), settings=settings, user="eve")

    receiver.status = 500
    async with opened() as front:
        await front.add_notice("webhook", receiver.url)
        await front.run("read number 1")
        await deliver(await front.postman())
    assert len(receiver.seen) == 1 and registry
    receiver.status = 200
    async with opened() as front:
        front._assembly.outgoing()._db.execute("update outgoing set due = 0")
        assert await deliver(await front.postman()) == 1
    async with opened() as front:
        assert await deliver(await front.postman()) == 0
    assert len(receiver.seen) == 2


@pytest.mark.parametrize("grows", [False, True])
async def test_what_comes_after_a_backup_was_put_back_is_told_as_well(tmp_path, receiver, grows):
    from tests.doors.http_house import World

    from cuga.model import house_event as h
    from cuga.orchestrator.coordinator import Coordinator
    from cuga.orchestrator.house.place import make
    from cuga.orchestrator.keeping.restoring import put_back

    place, backup = make(tmp_path / "house"), tmp_path / "backup.db"
    settings = Settings(inside=("127.0.0.1",), variables={})

    def opened() -> Coordinator:
        return Coordinator(house=place.root, tools=World().tools(), settings=settings, user="eve")

    async with opened() as front:
        await front.add_notice("webhook", receiver.url, ("ended",))
        await front.run("read number 1")
        await deliver(await front.postman())
        await front.backup(str(backup))
        for _ in range(3):
            await front.run("read number 1")
        assert await deliver(await front.postman()) == 3
        read = (await front.open()).outgoing().position
    await put_back(place, backup, settings=settings)
    async with opened() as front:
        assembly = await front.open()
        await front.change(h.RestoreAcknowledged(at=assembly.clock.now()))
        runs = 6 if grows else 1  # nobody looks before the journal is longer than it was
        for _ in range(runs):
            await front.run("read number 1")
        assert await deliver(await front.postman()) == runs
        assert (assembly.outgoing().position > read) is grows
        assert await deliver(await front.postman()) == 0


async def test_a_journal_that_is_shorter_than_it_was_read_is_read_on_from_its_end(team, receiver):
    await team.front.add_notice("webhook", receiver.url, ("ended",), by=await team.front.principal("eve"))
    queue = (await team.front.open()).outgoing()
    queue.keep((), 10_000)  # as a database leaves it that was put back
    postman = await team.front.postman()
    assert await deliver(postman) == 0 and queue.position < 10_000
    await team.browser("ann").run(("read_number", {}))
    assert await deliver(postman) == 1


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/x", "http://[::1]:9/x", "http://10.0.0.1/", "http://0x7f000001/", "http://localhost/"],
)
async def test_no_message_goes_to_a_machine_inside_that_nobody_named(receiver, address):
    async with house() as opened:
        by = await opened.front.principal("eve")
        made = await opened.front.add_notice("webhook", address, by=by)
        with pytest.raises(EgressRefused):
            await opened.front.test_notice(made.notice_id, by=by)


async def test_who_is_told_is_an_admins_to_say_over_http(team, receiver):
    eve = team.browser("eve")
    wish = {"channel": "webhook", "address": receiver.url, "about": ["waiting"]}
    assert (await team.browser("ann").post("/api/notices", wish)).status_code == 403
    made = (await eve.post("/api/notices", wish)).json()
    assert (await eve.get("/api/notices")).json()["items"][0]["address"] == "127.0.0.1"
    assert (await eve.post(f"/api/notices/{made['notice_id']}/test")).status_code == 204
    assert (await team.browser("ann").post(f"/api/notices/{made['notice_id']}/test")).status_code == 403
    receiver.status = 404
    assert (await eve.post(f"/api/notices/{made['notice_id']}/test")).status_code == 502
    assert (await eve.delete(f"/api/notices/{made['notice_id']}")).status_code == 204
    assert (await eve.delete(f"/api/notices/{made['notice_id']}")).status_code == 404
    assert (await eve.post(f"/api/notices/{made['notice_id']}/test")).status_code == 404
    for bad in (
        {"channel": "fax", "address": receiver.url}, {"channel": "webhook", "address": "ftp://x"},
        {"channel": "email", "address": "a@b\r\nBcc: c@d"}, {**wish, "about": ["everything"]}, {**wish, "about": []},
        {"channel": "webhook", "address": "http://user:pass@example.com"},
    ):  # fmt: skip
        assert (await eve.post("/api/notices", bad)).status_code == 422, bad


# --- mail -------------------------------------------------------------------------------------------------------------
class Sink:
    """A mail server that keeps what comes, or refuses it."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refuses = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 sink\r\n")
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                writer.write(b"354 go\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(message_from_bytes(data[:-5]))
                writer.write(b"250 kept\r\n")
            elif word == b"RCPT" and self.refuses:
                writer.write(b"550 nobody\r\n")
            elif word == b"QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()


@pytest.fixture
async def sink() -> AsyncIterator[tuple[Sink, str]]:
    sink = Sink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    async with server:
        yield sink, f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_mail_is_sent_when_somebody_is_waited_for(sink):
    kept, server = sink
    settings = Settings(inside=("127.0.0.1",), mail_server=server, mail_from="cuga@example.com", variables={})
    async with house(settings=settings) as opened:
        by = await opened.front.principal("eve")
        await opened.front.add_notice("email", "bob@example.com", ("waiting",), by=by)
        await opened.browser("ann").run(("post", {"to": "x"}))
        assert await deliver(await opened.front.postman()) == 1
    (mail,) = kept.mails
    assert mail["To"] == "bob@example.com" and "post waits for your decision" in mail["Subject"]
    assert "/#/inbox/" in mail.get_payload() and mail["Message-ID"].startswith("<msg_")


async def test_an_invitation_is_mailed_where_it_can_be_and_the_link_works_once(sink):
    kept, server = sink
    settings = Settings(inside=("127.0.0.1",), mail_server=server, mail_from="cuga@example.com", variables={})
    async with house(settings=settings) as opened:
        eve = opened.browser("eve")
        wish = {"user": "dora", "roles": ["viewer"], "mail_to": "dora@example.com"}
        made = (await eve.post("/api/users", wish)).json()
        assert made["mailed_to"] == "dora@example.com" and not made["not_mailed"]
        (mail,) = kept.mails
        assert mail["To"] == "dora@example.com" and "eve lets you into a house" in mail["Subject"]
        assert made["link"] in mail.get_payload() and "once, until" in mail.get_payload()
        token = made["link"].rpartition("/")[2]
        come = {"token": token, "password": "four unrelated words here"}
        assert (await opened.nobody().post("/api/login/invitation", come)).status_code == 204
        assert token not in (await eve.get("/api/audit")).text
        kept.refuses = True
        again = (await eve.post("/api/users", {"user": "finn", "roles": ["viewer"], "mail_to": "f@example.com"})).json()
        assert not again["mailed_to"] and "nobody" in again["not_mailed"] and "/#/invitation/" in again["link"]
        bad = {"user": "gus", "roles": ["viewer"], "mail_to": "a@b\r\nBcc: c@d"}
        assert (await eve.post("/api/users", bad)).status_code == 422
        assert "gus" not in (await eve.get("/api/users")).text


async def test_what_a_mail_server_says_is_told_apart(sink):
    from email.message import EmailMessage

    kept, url = sink
    mail = EmailMessage()
    mail["From"], mail["To"] = "a@example.com", "b@example.com"
    mail.set_content("x")
    inside = Egress(inside=("127.0.0.1",))
    with pytest.raises(EgressRefused):
        await send_mail(MailServer.read(url, ""), mail, Egress())
    with pytest.raises(EgressRefused, match="no TLS"):
        await send_mail(MailServer.read(url.replace("//", "//me@"), "pw"), mail, inside)
    kept.refuses = True
    with pytest.raises(Rejected):
        await send_mail(MailServer.read(url, ""), mail, inside)
    with pytest.raises(Unreachable):
        await send_mail(MailServer.read("smtp://127.0.0.1:1", ""), mail, inside)
    for bad in ("http://x", "smtp://", "smtp://u:p@host", "smtp://host:port"):
        with pytest.raises(BadInput):
            MailServer.read(bad, "")


async def test_without_a_mail_server_the_house_says_so_and_gives_up_at_once():
    async with house() as opened:
        by = await opened.front.principal("eve")
        made = await opened.front.add_notice("email", "bob@example.com", by=by)
        with pytest.raises(BadInput, match="no mail server"):
            await opened.front.test_notice(made.notice_id, by=by)
        with pytest.raises(NotAllowed):
            await opened.front.test_notice(made.notice_id, by=await opened.front.principal("bob"))
        await opened.browser("ann").run(("post", {"to": "x"}))
        await deliver(await opened.front.postman())
        assert (await opened.front.acts())[0].kind == "notice_lost"
