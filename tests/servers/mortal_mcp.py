"""A process that runs one call of the hostile server in a house and dies at a named point: `mortal_mcp.py HOUSE POINT`.

Without a point it goes on to the end with what an earlier process left, agreeing to what waits, and prints its end.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from cuga.model.event import name_of
from cuga.model.plan import Plan, PlanStep
from cuga.orchestrator import AGENTSCoordinator as Coordinator
from cuga.tools.mcp.line import Line, _Session

HOUSE, POINT = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""


def die(point: str) -> None:
    if point == POINT:
        os.kill(os.getpid(), signal.SIGKILL)


def mortal() -> None:
    look, call = Line.look, _Session.call

    async def looked(self):
        die("look.before")
        found = await look(self)
        die("look.after")
        return found

    async def called(self, *words):
        die("call.before")
        answer = await call(self, *words)
        die("call.after")
        return answer

    Line.look, _Session.call = looked, called


async def main() -> None:
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
            mortal()
        runs = await house.runs()
        if runs:
            result = await house.resume(runs[0].run_id)
        else:
            result = await house.execute_plan(
                Plan(goal="act", steps=(PlanStep(tool="hostile/act", input={"what": "once"}),))
            )
        for card in await house.inbox(result.run_id):
            await house.answer(card.approval_id, "approve", digest=card.digest)
            result = await house.wait(result.run_id)
        print(result.status.value, "|", result.reason, flush=True)


asyncio.run(main())
