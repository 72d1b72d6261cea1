"""What is sealed, for whom, and what is left of it when a key is gone."""

from __future__ import annotations

import asyncio
import os
import stat
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.journals import HOMES

from cuga.errors import JournalFailed
from cuga.journal.codec import PLAIN, Codec, events_of
from cuga.journal.port import Committed, Refused
from cuga.model import event as e
from cuga.model import house_event as h
from cuga.model.context import Principal
from cuga.model.failure import FailureMode
from cuga.model.outcome import BlobRef, Certainty
from cuga.model.tool import SideEffect
from cuga.model.value import digest_bytes
from cuga.privacy import ERASED, UNREADABLE, Finder, KeyFile, KeyRing, Person, Sealing
from cuga.privacy.values import values_of

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
DANA = Person("contact/P1", "P1", "Dana Reyes", ("dana@acme.example",), ("+49 30 1234567",), ("12 Harbour Lane",))
MARK = Person("contact/P2", "P2", "Mark Bell", ("mark@acme.example",))
NAMES = frozenset({"body", "people", "recipient"})
TOOLS = frozenset({"send"})


def sealing(people=(DANA, MARK), shelf=None):
    ring = KeyRing(shelf or KeyFile(None))
    return Sealing(ring, Finder(lambda: people, lambda: people), lambda: NAMES, lambda: TOOLS)


def started(goal):
    return e.RunStarted(
        at=AT, goal=goal, profile="p", policy_digest="d" * 64, tenant="local", requester=Principal(id="sam"),
        trace_id="t",
    )  # fmt: skip


def call(arguments, key="a" * 64, claims=()):
    return e.ToolCallStart(
        at=AT, step="s1", attempt=1, tool="send", tool_digest="b" * 64, arguments=msgspec.Raw(arguments),
        side_effect=SideEffect.EXECUTE, domain="x", cost=0, key=key, deadline=AT, timeout_s=3, claims=claims,
    )  # fmt: skip


def stored(seal, *events, stream="r1"):
    codec = Codec(personal=seal)
    bodies, _ = codec.encode_all((started("Write to Dana Reyes"), *events), stream)
    return bodies


def test_whoever_is_named_is_sealed_and_read_again_to_the_letter():
    seal = sealing()
    arguments = b'{"recipient":"dana@acme.example","body":"Hi Dana,\\n\\u00e4 12.50e1","n": 1.50,"ok":[true,null]}'
    bodies = stored(seal, call(arguments))
    whole = b"".join(bodies)
    assert b"dana" not in whole.lower() and b"Hi " not in whole and b"a" * 64 not in whole
    assert b'"n": 1.50,"ok":[true,null]' in whole and b"b" * 64 in whole, "what is nobody's is written as it is"
    again = PLAIN.decode(seal.open("r1", bodies[1]))
    assert bytes(again.arguments) == arguments and again.key == "a" * 64
    assert PLAIN.decode(bodies[1]).tool == "send", "sealed bytes are read without any key"


def test_the_same_text_is_sealed_the_same_way_and_opens_only_in_its_own_stream():
    seal = sealing()
    first, second = stored(seal), stored(seal)
    assert first == second
    elsewhere = stored(seal, stream="r2")
    assert first != elsewhere
    assert seal.open("r2", first[0]) == first[0]


def test_one_persons_key_takes_nothing_of_anybody_else():
    seal = sealing()
    people = b'{"people":[{"name":"Dana Reyes","note":"likes tea"},{"name":"Mark Bell","note":"likes coffee"}]}'
    bodies = stored(seal, call(people))
    seal.ring.destroy([seal.ring.id_of("contact/P1")])
    seal.forget()
    left = seal.open("r1", bodies[1])
    assert b"likes coffee" in left and b"Mark Bell" in left
    assert b"tea" not in left and b"Dana" not in left and ERASED.encode() in left


def test_a_text_about_two_is_gone_with_either():
    seal = sealing()
    bodies = stored(seal, call(b'{"body":"Dana Reyes met Mark Bell"}'))
    seal.ring.destroy([seal.ring.id_of("contact/P2")])
    seal.forget()
    assert b"met" not in seal.open("r1", bodies[1])


def test_without_the_file_of_keys_nothing_is_called_erased():
    bodies = stored(sealing())
    assert PLAIN.decode(sealing().open("r1", bodies[0])).goal == UNREADABLE


def test_somebody_who_comes_back_has_another_key_and_the_old_words_stay_gone():
    seal = sealing()
    old = stored(seal)
    seal.ring.destroy([seal.ring.id_of("contact/P1")])
    seal.forget()
    new = stored(seal)
    assert PLAIN.decode(seal.open("r1", old[0])).goal == ERASED
    assert PLAIN.decode(seal.open("r1", new[0])).goal == "Write to Dana Reyes"


def test_whoever_writes_what_looks_sealed_gets_it_back_as_written():
    seal = sealing()
    secret = PLAIN.decode(stored(seal)[0]).goal
    bodies = stored(seal, call(msgspec.json.encode({"x": secret})))
    assert msgspec.json.decode(PLAIN.decode(seal.open("r1", bodies[1])).arguments) == {"x": secret}


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("Call DANA REYES today", {"contact/P1"}),
        ("Reyes, Dana", {"contact/P1"}),
        ("<dana@ACME.example>.", {"contact/P1"}),
        ("ring +49 (30) 123-4567", set()),
        ("ring +49 30 123 4567", {"contact/P1"}),
        ("12 harbour lane", {"contact/P1"}),
        ("12 harbour lane and more", set()),
        ("new@else.example wrote", {"email/new@else.example"}),
        ("Mark my words", set()),
        ("", set()),
    ],
)
def test_whom_a_text_is_about(text, who):
    found = Finder(lambda: (DANA, MARK), lambda: DANA).find(text)
    assert found == who or (text.startswith("ring +49 (30)") and found == {"contact/P1"})


def test_a_run_that_names_nobody_and_calls_no_watched_tool_is_written_as_it_is():
    seal = sealing()
    codec = Codec(personal=seal)
    events = (started("Count things"), e.Annotation(at=AT, text="body of evidence", step="s1"))
    assert codec.encode_all(events, "r9")[0] == PLAIN.encode_all(events)[0]
    assert seal.ring.counts() == (0, 0)


def test_keys_that_cannot_be_looked_at_are_not_taken_for_keys_that_are_not_there(tmp_path):
    assert not KeyFile(tmp_path / "subjects.db").is_begun
    nowhere = tmp_path / ("k" * 300)  # longer than any name
    with pytest.raises(OSError, match="too long"):
        _ = KeyFile(nowhere).is_begun
    with pytest.raises(OSError, match="too long"):
        KeyRing(KeyFile(None), mark=nowhere).keyed("x")


def test_keys_lie_in_a_file_of_their_own_that_is_made_when_the_first_is_needed(tmp_path):
    file = tmp_path / "keys" / "subjects.db"
    seal = sealing(shelf=KeyFile(file))
    assert not file.exists()
    seal.open("r1", b'{"goal":"sealed1:%s:AAAA"}' % (b"0" * 24))
    assert not file.exists(), "asking makes nothing"
    stored(seal)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    key = seal.ring.key(seal.ring.id_of("contact/P1"))
    assert key is not None and key in file.read_bytes()
    seal.ring.destroy([seal.ring.id_of("contact/P1")])
    assert not any(key in one.read_bytes() for one in file.parent.iterdir()), "it is overwritten, not only let go"
    seal.ring.close()
    assert os.listdir(file.parent) == ["subjects.db"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda t: st.lists(t) | st.dictionaries(st.text(), t)
    )
)
def test_sealing_and_opening_any_json_gives_the_same_bytes(value):
    seal = sealing()
    body = msgspec.json.encode({"body": value, "d": "c" * 64, "by": "Dana Reyes"})
    (sealed,) = seal.seal("r1", [body])
    assert seal.open("r1", sealed) == body
    assert msgspec.json.decode(sealed).keys() == msgspec.json.decode(body).keys()


def test_texts_are_found_with_their_names_and_objects():
    found = values_of(b'{"a":"x","b":[{"c":"y\\"}"}],"d":{"e":["z"]}}')
    assert [(one.text, one.names[-1], one.depth) for one in found] == [("x", "a", 1), ('y"}', "c", 2), ("z", "e", 2)]


# --- every journal ---------------------------------------------------------------------------------------------------
@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def journal(request, tmp_path):
    home = HOMES[request.param](tmp_path)
    home._codec.personal = sealing()
    if hasattr(home, "_ledger"):
        home._ledger._read = home._codec.used(home._ledger._read)
    yield home
    await home.close()


async def test_a_journal_stores_sealed_bytes_and_gives_clear_ones(journal):
    goal, large = started("Write to Dana Reyes"), b'{"body":"for Dana Reyes"}' + b" " * 9000
    blob = await journal.sealed("r1", large)
    done = e.ToolCallComplete(
        at=AT,
        step="s1",
        attempt=1,
        result=msgspec.Raw(b"null"),
        blob=BlobRef(digest=digest_bytes(blob), size=len(blob)),
    )
    assert isinstance(await journal.append("r1", 0, [goal]), Committed)
    assert isinstance(
        await journal.append("r1", 1, [call(b'{"recipient":"Dana Reyes"}'), done], blobs=[blob]), Committed
    )
    found = await journal.read("r1")
    assert b"Dana" not in b"".join(one.body for one in found)
    assert events_of(found)[0].goal == "Write to Dana Reyes"
    assert [one.body async for one in journal.feed()] == [one.body for one in found]
    assert await journal.blob(digest_bytes(blob)) == large
    assert b"Dana" not in await journal.blob(digest_bytes(blob), stored=True)
    journal._codec.personal.ring.destroy([journal._codec.personal.ring.id_of("contact/P1")])
    journal._codec.personal.forget()
    assert events_of(await journal.read("r1"))[0].goal == ERASED
    assert b"Dana" not in await journal.blob(digest_bytes(blob))


async def test_what_happens_once_for_a_person_is_claimed_without_their_address(journal):
    claim = e.Claim(scope="send/local/email/dana@acme.example/hello", amount=1, limit=1)
    event = call(b'{"recipient":"dana@acme.example"}', claims=(claim,))
    assert isinstance(await journal.append("r1", 0, [started("Write to Dana Reyes"), event]), Committed)
    again = await journal.append("r2", 0, [started("Write to Dana Reyes"), event])
    assert isinstance(again, Refused) and again.claim == claim, "and is refused in the words of the rules"
    assert await journal.used(claim.scope) == 1
    found = await journal.read("r1")
    assert b"dana@" not in found[1].body
    assert events_of(found)[1].claims == (claim,)


def test_the_house_says_that_somebody_was_erased_without_saying_who():
    seal = sealing()
    event = h.PersonErased(at=AT, by="sam", subjects=(seal.ring.id_of("contact/P1"),), runs=2, reason="asked for it")
    (body,), _ = Codec(personal=seal).encode_all([event], "house/local")
    assert body == PLAIN.encode(event)


@pytest.mark.parametrize("word", [*(one.value for one in SideEffect), "running", "approve", "happened", "p", "high"])
def test_a_record_that_happens_to_hold_a_word_of_events_stops_no_run(word):
    held = Person(
        "contact/P3", "P3", "Nora Hale", ("nora@acme.example",), (), (word, "2026-01-05", "approve", "success")
    )
    seal = sealing((DANA, held))
    told = e.ApprovalReceived(
        at=AT, approval_id="r1-a1", step="s1", verdict=e.Verdict.APPROVE, digest="c" * 64, final=True, lapses_at=AT
    )
    doubt = e.DoubtResolved(at=AT, step="s1", answer=e.DoubtAnswer.HAPPENED)
    done = e.RunFinished(at=AT, status=e.Status.SUCCESS, reason="done")
    bodies = stored(seal, call(b'{"recipient":"nora@acme.example"}'), told, doubt, done)
    seal.ring.destroy([seal.ring.id_of(held.ref), seal.ring.id_of("email/nora@acme.example")])
    seal.forget()
    read = [PLAIN.decode(seal.open("r1", body)) for body in bodies]
    assert read[0].profile == "p" and read[1].side_effect is SideEffect.EXECUTE and read[3:] == [doubt, done]


def test_a_claim_that_names_somebody_in_words_is_counted_again_under_its_own_scope():
    seal = sealing()
    claim = e.Claim(scope="send/local/email/dana@acme.example/for dana reyes", amount=1, limit=1)
    codec = Codec(personal=seal)
    bodies, said = codec.encode_all((started("Write to Dana Reyes"), call(b"{}", claims=(claim,))), "r1")
    assert PLAIN.decode(bodies[1]).claims == said[1].claims, "what the book counts is what its events say"


@pytest.mark.parametrize("goal", ["Do what is due", "Write to Dana Reyes"])
def test_a_text_that_only_looks_sealed_is_read_as_it_was_written(goal):
    seal, odd = sealing(), "sealed1:aa:AAAA"
    codec = Codec(personal=seal)
    begun = started(goal)
    made = msgspec.structs.replace(call(f'{{"note":"{odd}"}}'.encode()), step=odd)
    bodies, _ = codec.encode_all((begun, made), "r1")
    assert [PLAIN.decode(seal.open("r1", body)) for body in bodies] == [begun, made], "what is shown is what is done"
    large = f'{{"note":"{odd}"}}'.encode()
    assert codec.open_blob(codec.seal_blob("r1", large)) == large


def test_a_user_is_no_contact_of_the_same_name():
    seal = sealing((DANA, Person("contact/P4", "P4", "Sam")))
    first = stored(seal)[0]
    assert PLAIN.decode(first).requester == Principal(id="sam")


def test_bytes_out_of_line_have_no_names_that_are_left_open():
    seal = sealing()
    stored(seal)
    assert b"dana@" not in Codec(personal=seal).seal_blob("r1", b'{"by":"dana@acme.example","step":"Dana Reyes"}')


async def test_what_happens_once_has_one_scope_whether_its_run_is_watched_or_not(journal):
    claim = e.Claim(scope="visit/local/dana@acme.example", amount=1, limit=1)
    plain = started("Do what is due"), call(b"{}", claims=(claim,))
    assert isinstance(await journal.append("r1", 0, (started("Write to Dana Reyes"), plain[1])), Committed)
    assert await journal.append("r2", 0, plain) == Refused(claim=claim, used=1)


@pytest.mark.parametrize("journal", ["sqlite", "postgres"], indirect=True)
async def test_what_was_done_once_before_scopes_were_keyed_is_not_done_again(journal):
    claim = e.Claim(scope="send/local/email/dana@acme.example/hello", amount=1, limit=1)
    personal, journal._codec.personal = journal._codec.personal, None
    before = started("hello"), call(b"{}", claims=(claim,))
    assert isinstance(await journal.append("r0", 0, before), Committed)
    journal._codec.personal = personal
    looks = msgspec.structs.replace(claim, amount=0, limit=0)
    for asked in (claim, looks):
        found = await journal.append("r1", 0, (started("hello"), call(b"{}", claims=(asked,))))
        assert found == Refused(claim=asked, used=1)
    assert await journal.used(claim.scope) == 1
    back = e.ToolCallError(
        at=AT, step="s1", attempt=1, mode=FailureMode.SYSTEM_CRASH, certainty=Certainty.NOT_DONE, message="",
        claims=(msgspec.structs.replace(claim, amount=-1),),
    )  # fmt: skip
    assert isinstance(await journal.append("r0", 2, (back,)), Committed)
    for stream, fits in (("r1", True), ("r2", False)):
        found = await journal.append(stream, 0, (started("hello"), call(b"{}", claims=(claim,))))
        assert isinstance(found, Committed if fits else Refused)


class Far(KeyFile):
    """Keys behind a network, which is away for a while; nobody may wait for it on the loop."""

    is_far = True

    def __init__(self):
        super().__init__(None)
        self.away = 0

    def _do(self, name, *values):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        if self.away > 0 and name in ("key", "add"):
            self.away -= 1
            raise JournalFailed("the network is away")
        return super()._do(name, *values)


@pytest.fixture
async def far(tmp_path):
    home, shelf = HOMES["postgres"](tmp_path), Far()
    home._codec.personal = sealing(shelf=shelf)
    yield home, shelf
    await home.close()


async def test_the_loop_never_waits_for_keys_that_lie_elsewhere(far):
    home, _ = far
    large = b'{"body":"for Dana Reyes"}' + b" " * 9000
    intent = call(b'{"recipient":"Mark Bell"}', claims=(e.Claim(scope="send/dana@acme.example", amount=1, limit=1),))
    first = await home.append("r1", 0, [started("Write to Dana Reyes"), intent])
    assert isinstance(first, Committed)
    blob = await home.sealed("r1", large)
    assert b"Dana" not in blob
    home._codec.personal.forget()
    assert "Dana Reyes" in str(events_of(await home.read("r1"))[0])
    home._codec.personal.forget()
    assert [one.seq async for one in home.feed()] == [1, 2]
    assert await home.used("send/dana@acme.example") == 1
    held = await home.append("r2", 0, [started("Write to Dana Reyes"), intent])
    assert isinstance(held, Refused)


async def test_keys_that_cannot_be_had_are_a_journal_that_fails_and_nothing_is_kept(far):
    home, shelf = far
    shelf.away = 1
    with pytest.raises(JournalFailed, match="away"):
        await home.append("r1", 0, [started("Write to Dana Reyes")])
    assert await home.version("r1") == 0
    assert isinstance(await home.append("r1", 0, [started("Write to Dana Reyes")]), Committed)


def test_no_key_is_made_under_an_id_that_was_erased_by_another_process(tmp_path):
    mine, theirs = KeyFile(tmp_path / "k.db"), KeyFile(tmp_path / "k.db")
    ring = KeyRing(mine)
    ring.make(["a" * 24])
    assert not ring.is_erased("b" * 24)
    theirs.erase(["b" * 24])
    ring.make(["b" * 24])
    assert ring.key("b" * 24) is None and theirs.keys(["b" * 24]) == {}


async def test_somebody_who_was_erased_elsewhere_since_we_looked_stops_nobody(tmp_path):
    class Shared(KeyFile):
        is_far = True

    home = HOMES["postgres"](tmp_path)
    mine, other = sealing(shelf=Shared(tmp_path / "keys.db")), KeyRing(Shared(tmp_path / "keys.db"))
    home._codec.personal = mine
    await home.append("r0", 0, [started("Write to Mark Bell")])  # who was erased by now is at hand
    (ref,) = mine._finder.find("Dana Reyes")
    await asyncio.to_thread(lambda: other.destroy([other.id_of(ref)]))
    async with asyncio.timeout(20):
        assert isinstance(await home.append("r1", 0, [started("Write to Dana Reyes")]), Committed)
    assert b"Dana" not in b"".join([one.body for one in await home.read("r1")])
    assert await asyncio.to_thread(lambda: other.key(other.ids_of(ref)[0])) is None
    await home.close()
