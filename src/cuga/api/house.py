"""The house over HTTP: how it stands, its adapters, and whether it is well."""

from __future__ import annotations

from starlette.responses import Response

from cuga.api.answers import answer, router
from cuga.api.auth import Here, Looking
from cuga.api.pages import Given
from cuga.model.value import encode
from cuga.orchestrator.showing import Summary
from cuga.orchestrator.standing import AdapterLine, Workers

house = router("house")
health = router("health", prefix="")


class AdapterPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Every declared adapter, by capability."""

    items: tuple[AdapterLine, ...]
    next: str | None


@house.get("/house", response_model=Summary)
async def show_house(doors: Here, _: Looking) -> Response:
    """The house at a glance: what holds in it, its data, what waits and what runs."""
    return answer(await doors.front.summary())


@house.get("/adapters", response_model=AdapterPage)
async def list_adapters(doors: Here, _: Looking) -> Response:
    """Every declared adapter: can it be used now, is it chosen, who switched it last."""
    return answer(AdapterPage(items=tuple(await doors.front.adapters()), next=None))


@house.get("/workers", response_model=Workers)
async def show_workers(doors: Here, _: Looking) -> Response:
    """The worker pools, how busy they are, and the policy between them."""
    return answer(await doors.front.workers())


@health.get("/healthz", tags=["health"])
async def is_alive() -> Response:
    """Whether this process answers; it says nothing of the house."""
    return Response(encode({"status": "ok"}), 200, media_type="application/json")


@health.get("/readyz", tags=["health"])
async def is_ready(doors: Here) -> Response:
    """Whether the house can be worked in: its journal can be written."""
    engine = (await doors.front.open()).engine
    is_well = engine.failure is None and not engine.is_closing
    body = {"status": "ready" if is_well else "not ready"}
    return Response(encode(body), 200 if is_well else 503, media_type="application/json")
