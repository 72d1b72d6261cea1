"""The rules over HTTP: profiles, tools with their contracts, and whether a call would be allowed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query
from starlette.responses import Response

from cuga.api.answers import answer, router
from cuga.api.auth import Here, Looking
from cuga.api.pages import Given
from cuga.model.tool import ToolContract
from cuga.model.value import Value
from cuga.orchestrator.rehearsal.what_if import WhatIf
from cuga.policy.profile import Profile

policy = router("policy")


class ProfilePage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """The profiles, and which one a run gets that names none."""

    items: tuple[Profile, ...]
    next: str | None
    default: str


class ToolPage(Given, frozen=True, kw_only=True, omit_defaults=False):
    """Tools with their contracts."""

    items: tuple[ToolContract, ...]
    next: str | None


class Question(Value, frozen=True, kw_only=True):
    """A call that is thought of. Without `input` it is about the tool alone."""

    tool: str
    profile: str = ""
    input: dict[str, Any] | None = None


@policy.get("/profiles", response_model=ProfilePage)
async def list_profiles(doors: Here, _: Looking) -> Response:
    """The profiles of this house with their limits, approvals and adapters."""
    items = await doors.front.profiles()
    default = (await doors.front.open()).registry.default_profile
    return answer(ProfilePage(items=items, next=None, default=doors.front.profile or default))


@policy.get("/tools", response_model=ToolPage)
async def list_tools(doors: Here, _: Looking, q: Annotated[str, Query(max_length=500)] = "") -> Response:
    """The tools of this house; with words the ones that fit, best first."""
    return answer(ToolPage(items=tuple(await doors.front.tools(q)), next=None))


@policy.post("/policy/what-if", response_model=WhatIf)
async def would_it_be_allowed(doors: Here, _: Looking, question: Annotated[Question, Body()]) -> Response:
    """Whether a call would be allowed now, asked of somebody, or refused, with the reasons. Nothing runs."""
    return answer(await doors.front.what_if(question.tool, question.profile, question.input))
