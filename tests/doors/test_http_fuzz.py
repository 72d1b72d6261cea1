"""Whatever is sent by the document or against it: no server error, and every answer is one that the document names."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as conforms
from tests.doors.http_house import Served, house

from cuga.api.schema import describe
from cuga.api.serve import served

CHECKS = [
    checks.not_a_server_error,
    conforms.status_code_conformance,
    conforms.content_type_conformance,
    conforms.response_schema_conformance,
]
KEPT = {"/api/logout", "/api/users", "/api/me/password", "/api/users/{user}/leave"}  # after these nobody could go on
STREAMS = {"/api/traces/{trace_id}/stream"}  # open until a run ends


class Server:
    """A house with its doors open in a thread of its own, since what sends requests is not asynchronous."""

    def __init__(self) -> None:
        self.url = ""
        self.token = ""
        self.document: dict[str, object] = {}
        self._up = threading.Event()
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._up.wait(120)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        opened: Served
        async with house(several=False, sample=True) as opened, served(opened.front, port=0) as doors:
            doors.rates = opened.doors.rates
            run = await opened.front.start("x", by=await opened.front.principal())
            await opened.front.wait(run)
            self.url = doors.address.url
            self.token = doors.credentials.begin_session("eve", "password")
            self.document = describe(opened.app._app)
            self._up.set()
            await self._stop.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def everything(server: Server) -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_dict(server.document)
    schema.config.update(base_url=server.url)
    return schema.exclude(path=sorted(KEPT | STREAMS))


def headers(server: Server) -> dict[str, str]:
    return {"Origin": server.url, "Cookie": f"cuga_session={server.token}"}


def each_operation(server: Server, examples: int) -> int:
    """So many requests of each operation, some that fit the document and some that do not; how many were sent."""
    sent = 0
    for found in everything(server).get_all_operations():
        operation = found.ok()

        @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        def ask(case: schemathesis.Case) -> None:
            nonlocal sent
            sent += 1
            response = case.call(headers=headers(server))
            case.validate_response(response, checks=CHECKS)

        ask()
    return sent


def stories(server: Server, examples: int, steps: int, *, known: bool = True) -> int:
    """Chains of requests in which what one gives is used by the next; how many were sent. `known`: always the same."""
    sent = 0
    wrong: list[Exception] = []

    class Story(everything(server).as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, object]:
            nonlocal sent
            sent += 1
            return {"headers": headers(server)}

        def validate_response(self, response: object, case: schemathesis.Case, **_: object) -> None:
            try:
                case.validate_response(response, checks=CHECKS)
            except Exception as error:
                wrong.append(error)
                raise

    with suppress(FlakyStrategyDefinition):  # the house remembers: a chain that is tried again may go another way
        Story.run(
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                derandomize=known,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
        )
    if wrong:
        raise wrong[0]
    return sent


def test_no_operation_answers_with_a_server_error_or_with_what_the_document_does_not_name(server):
    assert each_operation(server, examples=4) > 200


def test_no_chain_of_requests_ends_in_a_server_error(server):
    assert stories(server, examples=6, steps=15) > 30


@pytest.mark.soak
def test_nothing_of_fifty_thousand_requests_is_a_server_error(server):
    sent = each_operation(server, examples=500)
    while sent < 50_000:
        sent += stories(server, examples=500, steps=50, known=False)
    print(f"{sent:,} requests")
