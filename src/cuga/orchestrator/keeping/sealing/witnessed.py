"""Another house as an anchor: a witness that checks what it is given, and never takes it back.

It is reached by C2SP tlog-witness, which others speak too. A house of ours also hands out the newest checkpoint, so
that it can be asked at the start; each epoch of a journal is a line of its own there.
"""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import urlsplit

from cuga.errors import BadInput, JournalBehind, Rejected, Unanswered
from cuga.journal.checkpoint import COSIGNER, cosigned_at, read_note, read_verifier_key
from cuga.orchestrator.keeping.sealing.anchors import Prove
from cuga.orchestrator.keeping.sealing.keys import holds
from cuga.outbound import Answer, Egress, SafeClient
from cuga.outbound.client import Surroundings
from cuga.witness import Request
from cuga.witness.request import MAX_BYTES, SIZE_MEDIA

CONNECT_S, READ_S, TOTAL_S = 2.0, 4.0, 5.0  # a house that opens waits for the places that it asks
ROUNDS = 3  # a witness says which size it knows, and is then told from there
_SAID = (400, 403, 404, 409, 422)


class WitnessAnchor:
    """A witness at a URL, below which its paths lie. With a `key` only its own signature counts as kept."""

    pace_s = 0.0
    patience_s: float | None = TOTAL_S

    def __init__(self, url: str, client: SafeClient, key: tuple[str, bytes] | None = None) -> None:
        self.name = f"witness:{url}"
        self._url = url
        self._client = client
        self._key = key
        self._known: tuple[int, int] | None = None  # epoch and size that it has, as far as we know

    async def newest(self, origin: str) -> bytes:
        if not origin:
            return b""
        hash = sha256(origin.encode()).hexdigest()
        answer = await self._client.get(f"{self._url}/{hash}/checkpoint", statuses=(404,))
        if answer.status == 404:
            return b""
        said, _ = read_note(answer.body)
        self._known = (said.epoch, said.size)
        return answer.body

    async def keep(self, note: bytes, prove: Prove) -> None:
        said, _ = read_note(note)
        old = self._known[1] if self._known is not None and self._known[0] == said.epoch else 0
        for _ in range(ROUNDS):
            answer = await self._add(Request(old=old, proof=tuple(await prove(old)), note=note))
            if answer.status == 200:
                self._must_be_cosigned(note, answer.body)
                self._known = (said.epoch, said.size)
                return
            if answer.status != 409 or answer.headers.get("content-type", "") != SIZE_MEDIA:
                raise self._refusal(answer)
            known = _size_of(answer.body)
            if known > said.size:
                why = f"{known} appends were sealed, and this journal has {said.size}"
                raise JournalBehind(f"{self.name}: {why}", kind="rolled_back")
            old = known
        raise Unanswered(f"{self.name} says another size each time", mode="agent_contract")

    async def _add(self, request: Request) -> Answer:
        headers = {"content-type": "application/octet-stream"}
        return await self._client.post(
            f"{self._url}/add-checkpoint", body=request.body(), headers=headers, statuses=_SAID
        )

    def _must_be_cosigned(self, note: bytes, line: bytes) -> None:
        if self._key is None:
            return
        try:
            is_its_own = cosigned_at(note + line, *self._key, holds) is not None
        except BadInput:
            is_its_own = False
        if not is_its_own:
            raise Rejected("what answers there does not sign with the key that was named", mode="agent_contract")

    def _refusal(self, answer: Answer) -> Exception:
        """What a refusal means, in words for whoever runs the house that asked."""
        if answer.status == 404:
            why = (
                "it was not told of this journal; whoever runs it gives `cuga witness trust WORD`, with the word that "
            )
            return Rejected(f"{why}`cuga seal` shows here", mode="policy_denied")
        if answer.status == 403:
            why = "it trusts another key for this journal than the one it is sealed with; whoever runs it gives "
            return Rejected(
                f"{why}`cuga witness trust WORD`, with the word that `cuga seal` shows", mode="policy_denied"
            )
        if answer.status == 400:
            return Rejected("it does not understand what it was sent", mode="agent_contract")
        return JournalBehind(f"{self.name}: another record than this one was sealed there", kind="forked")


def witness_named(said: str, around: Surroundings) -> WitnessAnchor:
    """The anchor of `URL` or `URL#KEY`; `BadInput`."""
    url, _, word = said.partition("#")
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or "@" in parts.netloc:
        shown = said[:80] if "@" not in said else f"{parts.scheme}://...@{parts.hostname}"  # a password is not shown
        raise BadInput(
            f"CUGA_ANCHORS: {shown!r} is no address of a witness",
            mend="For a house at https://b.example.com it is witness:https://b.example.com/api/witness",
        )
    is_plain = parts.scheme == "http" and not {parts.hostname, parts.netloc}.isdisjoint(around.inside)
    egress = Egress(hosts=(parts.hostname,), inside=around.inside, plain=is_plain)
    client = SafeClient(
        egress, proxy=around.proxy, max_bytes=MAX_BYTES, connect_s=CONNECT_S, read_s=READ_S, total_s=TOTAL_S
    )
    return WitnessAnchor(url.rstrip("/"), client, read_verifier_key(word, COSIGNER) if word else None)


def _size_of(body: bytes) -> int:
    text = body.removesuffix(b"\n")
    if not text.isdigit() or len(text) > 19:
        raise Unanswered("what it says of the size that it knows is no number", mode="agent_contract")
    return int(text)
