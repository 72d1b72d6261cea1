"""What a person wants changed in a request, as the arguments that are asked for instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from cuga.errors import BadInput, NotFound
from cuga.model.event import ApprovalRequested
from cuga.model.value import encode
from cuga.planning.schema import Arguments


def amended(
    request: ApprovalRequested, changes: dict[str, Any], without: Sequence[int], arguments: Arguments
) -> msgspec.Raw:
    """The new arguments; those of a list with null for each call that is left out. `BadInput`, `NotFound`."""
    value = msgspec.json.decode(request.arguments)
    if not request.calls:
        if without:
            raise BadInput("only calls of a list can be left out, and this is one call", mend="cuga deny, to refuse it")
        for path, new in changes.items():
            put(value, path, new)
        _must_fit(request.tool, arguments, value)
        return msgspec.Raw(encode(value))
    numbers = {int(call.step.rpartition("#")[2]): place for place, call in enumerate(request.calls)}
    for path, new in changes.items():
        head, rest = _parted(path)
        put(value[_place(numbers, head, path)], rest, new)
    for number in without:
        value[_place(numbers, str(number), str(number))] = None
    for call, one in zip(request.calls, value, strict=True):
        if one is not None:
            _must_fit(f"{request.tool} in {call.step}", arguments, one)
    return msgspec.Raw(encode(value))


async def looked_at(
    request: ApprovalRequested,
    found: msgspec.Raw,
    look: Callable[[ApprovalRequested, msgspec.Raw], Awaitable[msgspec.Raw]],
) -> msgspec.Raw:
    """The new arguments as the tool reads them now; of a list, those of each call that was changed. `BadInput`."""
    if not request.calls:
        return await look(request, found)
    before = msgspec.json.decode(request.arguments, type=list[msgspec.Raw])
    after = msgspec.json.decode(found, type=list[msgspec.Raw])
    for place, (call, was, now) in enumerate(zip(request.calls, before, after, strict=True)):
        if bytes(now) != b"null" and encode(msgspec.json.decode(was)) != bytes(now):
            one = msgspec.structs.replace(request, step=call.step, arguments=was, calls=())
            after[place] = await look(one, now)
    return msgspec.Raw(encode(after))


def _parted(path: str) -> tuple[str, str]:
    """The number of a call and the rest of a name: `2.message.subject`, `/2/message/subject`."""
    if path.startswith("/"):
        head, _, rest = path[1:].partition("/")
        return head, f"/{rest}"
    head, _, rest = path.partition(".")
    return head, rest


def _place(numbers: dict[int, int], said: str, path: str) -> int:
    is_number = said.isascii() and said.isdecimal()
    if not is_number or int(said) not in numbers:
        there = ", ".join(map(str, numbers))
        raise NotFound(
            f"the list has no call {said!r} (of {path!r})",
            mend=f"Begin with the number of a call, e.g. {next(iter(numbers))}.NAME=VALUE; there are: {there}",
        )
    return numbers[int(said)]


def _must_fit(where: str, arguments: Arguments, value: Any) -> None:
    if faults := arguments.faults(value):
        raise BadInput(f"the changed arguments do not fit {where}: {'; '.join(faults)}")


def put(arguments: Any, path: str, value: Any) -> None:
    """Set a value at a dotted name or JSON Pointer: one that is there already, or a new top-level name."""
    names = path[1:].split("/") if path.startswith("/") else path.split(".")
    target = arguments
    for name in names[:-1]:
        if not isinstance(target, dict) or name not in target:
            raise NotFound(f"the arguments have no {path!r}")
        target = target[name]
    if not isinstance(target, dict) or not names[-1]:
        raise NotFound(f"the arguments have no {path!r}")
    target[names[-1]] = value
