"""A process that calls one tool in a house and dies at a named point: `mortal.py HOUSE TOOL ARGUMENTS POINT`.

Without a point it goes on to the end with what an earlier process left, agreeing to what waits, and prints its end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from cuga.adapters.offline import CrmStore
from cuga.adapters.offline.sent_notes import SentNotes
from cuga.adapters.smtp import mail as smtp
from cuga.adapters.vendors import VendorCrm, VendorWriter
from cuga.adapters.vendors.http import VendorApi
from cuga.model.event import name_of
from cuga.orchestrator import AGENTSCoordinator as Coordinator
from cuga.tools.mcp.line import Line
from cuga.tools.mcp.session import Session
from cuga.tools.openapi import Api

HOUSE, TOOL, ARGUMENTS = sys.argv[1:4]
POINT = sys.argv[4] if len(sys.argv) > 4 else ""


def die(point: str) -> None:
    if point == POINT:
        os.kill(os.getpid(), signal.SIGKILL)


def mortal(owner: type, method: str, point: str) -> None:
    """Die before or after a method."""
    real = getattr(owner, method)

    async def passed(self, *words, **named):
        die(f"{point}.before")
        answer = await real(self, *words, **named)
        die(f"{point}.after")
        return answer

    setattr(owner, method, passed)


def mortal_at_once(owner: object, method: str, point: str) -> None:
    """The same for what is no coroutine."""
    real = getattr(owner, method)

    def passed(*words, **named):
        if method == "ask" and words[1] == "GET":
            return real(*words, **named)
        die(f"{point}.before")
        answer = real(*words, **named)
        die(f"{point}.after")
        return answer

    setattr(owner, method, passed)


def mortal_vendors() -> None:
    """Die around what a vendor or a mail server is asked, and around the notes of it."""
    for made in (VendorCrm, VendorWriter):
        made.__init__.__kwdefaults__["settles_s"] = 0.0
    if POINT:
        mortal_at_once(CrmStore, "begin_call", "begin")
        mortal_at_once(VendorApi, "ask", "ask")
        mortal_at_once(CrmStore, "take_over", "follow")
        mortal_at_once(smtp, "hand_in", "ask")
        keep = SentNotes.keep

        def kept(self, key, note):
            keep(self, key, note)
            die(f"{note.state}.after")

        SentNotes.keep = kept


async def main() -> None:
    mortal_vendors()
    async with Coordinator(house=HOUSE, profile="smb") as house:
        assembly = await house.open()
        append = assembly.journal.append

        async def appended(stream, expected, events, **how):
            kind = name_of(events[0])
            die(f"append.before/{kind}")
            answer = await append(stream, expected, events, **how)
            die(f"append.after/{kind}")
            return answer

        if POINT:
            assembly.journal.append = appended
            mortal(Line, "_look", "look")
            mortal(Session, "call", "call")
            mortal(Api, "_asked", "call")
        runs = await house.runs()
        if runs:
            result = await house.resume(runs[0].run_id)
        else:
            result = await house.wait(await house.start_call(TOOL, json.loads(ARGUMENTS)))
        for card in await house.inbox(result.run_id):
            await house.answer(card.approval_id, "approve", digest=card.digest)
            result = await house.wait(result.run_id)
        print(result.status.value, "|", result.reason, flush=True)


asyncio.run(main())
