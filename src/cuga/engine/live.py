"""What this process holds of a run it is busy with: its folded state, its mailbox, and what is being performed for it.

One mailbox per run: commands that arrive while an append is in flight gather and are decided together.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from cuga.kernel.state import RunState
from cuga.model import command as c
from cuga.model.event import ToolCallStart
from cuga.model.value import encode
from cuga.policy.judge import Rules

MAX_LIVE = 4_000  # states kept folded; runs in flight are always kept


class Letter(msgspec.Struct, frozen=True, eq=False):
    """A command in a mailbox, with the bytes that go out of line and the one who waits for the answer."""

    command: c.Command
    answer: asyncio.Future[RunState] | None = None
    blob: bytes | None = None


class Live:
    """A run this process is busy with."""

    __slots__ = (
        "asking",
        "draining",
        "flying",
        "has_hands",
        "mail",
        "next_call",
        "planning",
        "rules",
        "run_id",
        "stale",
        "state",
        "waiters",
    )

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.state: RunState | None = None
        self.rules: Rules | None = None  # those that it is pinned to
        self.mail: list[Letter] = []
        self.draining = False
        self.flying: dict[str, int] = {}  # step -> attempt whose call this process is making
        self.planning = ""  # the turn of the plan this process is making, as `kernel.outstanding.plan_turn` names it
        self.asking = 0  # the model call this process is making
        self.waiters: list[asyncio.Future[RunState]] = []
        self.has_hands = False  # the drainer can make the next call itself
        self.next_call: ToolCallStart | None = None
        self.stale = False  # the state may be older than the stream: it is read anew before the next decision

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be lost by forgetting it."""
        return not (self.draining or self.mail or self.flying or self.is_thinking or self.waiters)

    @property
    def is_thinking(self) -> bool:
        """Whether this process makes a plan, or asks a model for one."""
        return bool(self.planning or self.asking)

    def next_batch(self) -> list[Letter]:
        """The house's own commands go together; one of a person goes alone, so that its refusal spoils nothing else."""
        mail = self.mail
        if len(mail) == 1:
            self.mail = []
            return mail
        if mail[0].answer is not None:
            return [mail.pop(0)]
        count = next((i for i, letter in enumerate(mail) if letter.answer is not None), len(mail))
        batch = mail[:count]
        del mail[:count]
        return batch

    def keep_what_is_owed(self, letters: list[Letter], error: BaseException) -> None:
        """Whoever waits is told why it cannot be; what became of calls stays in the mail, before all that comes
        later."""
        self.state = None
        mail, self.mail = [*letters, *self.mail], []
        for letter in mail:
            if letter.answer is None:
                self.mail.append(letter)
            elif not letter.answer.done():
                letter.answer.set_exception(error)


class Lives:
    """The runs this process holds at the moment."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Live] = OrderedDict()

    def find(self, run_id: str) -> Live | None:
        """The live record of a run, if there is one."""
        return self._kept.get(run_id)

    def make(self, run_id: str) -> Live:
        """The live record of a run, made when absent."""
        found = self._kept.get(run_id)
        if found is None:
            found = self._kept[run_id] = Live(run_id)
            if len(self._kept) > MAX_LIVE:
                self._forget_some()
        return found

    def all(self) -> list[Live]:
        """All of them, oldest first."""
        return list(self._kept.values())

    def forget(self, live: Live) -> None:
        """Let go of a run that waits or has ended: it costs no memory until somebody asks for it."""
        if live.is_idle:
            self._kept.pop(live.run_id, None)

    def _forget_some(self) -> None:
        for run_id, live in list(self._kept.items())[: MAX_LIVE // 4]:
            if live.is_idle:
                del self._kept[run_id]


def scrubbed(command: c.Command, scrub: Callable[[bytes], bytes]) -> c.Command:
    """A command without known secrets: what is approved and made must be bytes that the journal holds."""
    body = encode(command)
    clean = scrub(body)
    if clean == body:
        return command
    try:
        return msgspec.json.decode(clean, type=type(command))
    except msgspec.MsgspecError:
        return command  # cutting it out would break the command; the journal cuts it out of what it keeps
