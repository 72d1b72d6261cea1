"""A language model behind the port, through any OpenAI-compatible server or Anthropic.

The library is imported when a model is first asked. It gets our own client, so that every connection passes the same
checks as any other; it retries nothing by itself, and one deadline holds for all of a call. Whatever goes wrong ends in
`ModelFailed` with what was spent; a count that the provider did not give is unknown, never zero.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import msgspec

from cuga.adapters.capability.model import MAX_REPLY, MOST_STEPS, Judge, ModelFailed, Spent, Task, Thought
from cuga.adapters.capability.writing import MAX_SUBJECT, MAX_TEXT, Fault, Writing
from cuga.errors import CugaError
from cuga.model.failure import FailureMode
from cuga.model.tool import ToolContract
from cuga.outbound import Egress, streaming_client
from cuga.policy.models import KEYS, ModelSaid

if TYPE_CHECKING:
    import httpx2
    from pydantic_ai import RunUsage
    from pydantic_ai.models import Model as Asked

NEEDS_EXTRA = "a model needs the extra: pip install 'cugar[llm]'"
MAX_BODY = 256 * 1024  # bytes of one answer
MAX_TOLD = 2_000  # characters of what is wrong with an answer
OVERHEAD = 1_000  # tokens of one request beside prompt and schemas: roles, framing, the form of the answer
MILLION = 1_000_000


@dataclass
class _Sent:
    """How many requests have gone out: one that was not answered may have cost something all the same."""

    count: int = 0


class OpenAIAdapter:
    """One model. `variables` is the environment as it was read; the key is looked up in it and kept nowhere else."""

    def __init__(
        self,
        said: ModelSaid | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        inside: tuple[str, ...] = (),
        proxy: str = "",
    ) -> None:
        self.said = said or ModelSaid(provider="openai", name="gpt-5-mini", key_env=KEYS["openai"])
        self._variables = variables or {}
        self._inside = inside
        self._proxy = proxy

    @property
    def name(self) -> str:
        """The model's own name."""
        return self.said.name

    @property
    def provider(self) -> str:
        """openai (or whatever speaks like it), or anthropic."""
        return self.said.provider

    @property
    def host(self) -> str:
        """Where it is asked."""
        return self.said.host

    @property
    def deadline_s(self) -> int:
        """How long one call takes at most."""
        return self.said.deadline_s

    def why_not(self) -> str:
        """Why it cannot be asked: no key, or no library."""
        if self.said.key_env and not self._variables.get(self.said.key_env):
            return f"{self.said.key_env} is not set"
        return "" if has_library() else NEEDS_EXTRA

    def is_available(self) -> bool:
        """Whether it can be asked."""
        return not self.why_not()

    def worst_case(self, prompt: str, tools: Sequence[ToolContract]) -> tuple[int, int | None]:
        """Tokens and money of the dearest call there can be. A token stands for a byte at least."""
        once = len(prompt.encode()) + sum(len(tool.name.encode()) for tool in tools) + OVERHEAD
        again = sum(range(self.said.requests)) * (self.said.reply_tokens + MAX_TOLD)
        told = self.said.requests * once + again
        answered = self.said.requests * self.said.reply_tokens
        return told + answered, self._price(told, answered)

    async def decompose_goal(
        self, goal: str, tools: Sequence[ToolContract], *, prompt: str = "", judge: Judge | None = None
    ) -> Thought:
        """Steps for a goal over these tools and no others."""
        if not tools:
            raise ModelFailed("it may use no tool", FailureMode.POLICY_ALLOWLIST, Spent())
        self._must_be_able()
        prompt = prompt or Task(goal=goal, tools=tuple(tools), fields=("goal", "tools")).text()
        form = _plan_form(tuple(tool.name for tool in tools))

        def fault(said: Any) -> str:
            found: dict[str, Any] = said.model_dump()
            return _unfit(found) or (judge(found) if judge is not None else "")

        said, spent = await self._ask(prompt, form, fault)
        found = said.model_dump()
        return Thought(
            steps=tuple(found["steps"]), why=tuple(found["why"]), question=found["question"].strip(), spent=spent
        )

    async def rank_tools(self, goal: str, tools: Sequence[ToolContract]) -> list[str]:
        """The names of tools, those that fit the goal best first."""
        if not tools:
            return []
        self._must_be_able()
        from pydantic import create_model

        names = tuple(tool.name for tool in tools)
        form = create_model("Ranking", tools=(list[Literal[names]], ...))  # type: ignore[valid-type]
        prompt = Task(goal=goal, tools=tuple(tools), fields=("goal", "tools")).text()
        said, _ = await self._ask(f"{prompt}\n\nOnly rank the tools: those that fit the goal best first.", form)
        ranked = list(dict.fromkeys(said.model_dump()["tools"]))
        return [*ranked, *(name for name in names if name not in ranked)]

    async def explain_plan(self, goal: str, steps: Sequence[Mapping[str, Any]]) -> str:
        """A plan in words for a person, marked as a model's."""
        self._must_be_able()
        from pydantic import BaseModel

        class Explanation(BaseModel):
            text: str

        told = msgspec.json.encode({"goal": goal, "steps": [dict(step) for step in steps]}).decode()
        said, _ = await self._ask(
            f"Explain this plan to a salesperson in a few sentences. It is data:\n{told}", Explanation
        )
        return f"[by the model {self.name}] {said.text.strip()}"

    async def write(self, prompt: str, *, fault: Fault | None = None) -> Writing:
        """A subject and a text for a place that a tool has left for them."""
        self._must_be_able()
        from pydantic import BaseModel, ConfigDict, Field

        class Written(BaseModel):
            model_config = ConfigDict(extra="forbid")
            subject: str = Field(default="", max_length=MAX_SUBJECT)
            text: str = Field(max_length=MAX_TEXT)

        def wrong(said: Any) -> str:
            return fault(said.model_dump()) if fault is not None else ""

        said, spent = await self._ask(prompt, Written, wrong)
        return Writing(subject=said.subject.strip(), text=said.text.strip(), spent=spent)

    # --- inside ---------------------------------------------------------------------------------------------------
    def _must_be_able(self) -> None:
        if why := self.why_not():
            raise ModelFailed(why, FailureMode.RESOURCE_API_UNAVAILABLE, Spent())

    async def _ask(self, prompt: str, form: Any, fault: Callable[[Any], str] | None = None) -> tuple[Any, Spent]:
        """Ask in a form, and again while the answer does not do, within one deadline."""
        # the first import takes seconds: other runs go on meanwhile, and it takes nothing of the deadline
        await asyncio.to_thread(load, self.said.provider)
        from pydantic_ai import Agent, ModelRetry, NativeOutput, PromptedOutput, RunUsage, ToolOutput, UsageLimits
        from pydantic_ai.exceptions import AgentRunError

        outputs = {"tool": ToolOutput, "native": NativeOutput, "prompted": PromptedOutput}
        usage, sent, wrong = RunUsage(), _Sent(), ""
        client = self._client(sent)
        try:
            agent: Agent[None, Any] = Agent(
                self._model(client),
                output_type=outputs[self.said.output](form),
                retries=self.said.requests - 1,
                model_settings={"max_retries": 0, "max_tokens": self.said.reply_tokens},
            )

            @agent.output_validator
            def judged(said: Any) -> Any:
                nonlocal wrong
                wrong = fault(said)[:MAX_TOLD] if fault is not None else ""
                if wrong:
                    raise ModelRetry(wrong)
                return said

            limits = UsageLimits(request_limit=self.said.requests)
            async with asyncio.timeout(self.said.deadline_s):
                result = await agent.run(prompt, usage=usage, usage_limits=limits)
            return result.output, self._spent(usage, sent)
        except TimeoutError as error:
            late = f"it did not answer within {self.said.deadline_s} s"
            raise ModelFailed(late, FailureMode.SYSTEM_TIMEOUT, self._spent(usage, sent)) from error
        except AgentRunError as error:
            mode, was_refused = _meaning(error)
            raise ModelFailed(_words(error, wrong), mode, self._spent(usage, sent, was_refused=was_refused)) from error
        except CugaError as error:  # where it may not be reached at all
            raise ModelFailed(error.message, FailureMode.POLICY_SECURITY, self._spent(usage, sent)) from error
        except Exception as error:  # a library in front of a stranger's bytes: whatever it is, the rules can still plan
            what = f"{type(error).__name__}: {str(error)[:300]}"
            raise ModelFailed(what, FailureMode.AGENT_VALIDATION, self._spent(usage, sent)) from error
        finally:
            await client.aclose()

    def _client(self, sent: _Sent) -> httpx2.AsyncClient:
        parts = urlsplit(self.said.url)
        egress = Egress(hosts=(parts.hostname or "",), inside=self._inside, plain=parts.scheme == "http")
        client = streaming_client(egress, proxy=self._proxy, max_bytes=MAX_BODY, read_s=float(self.said.deadline_s))

        async def count(_request: httpx2.Request) -> None:
            sent.count += 1

        client.event_hooks = {"request": [count]}
        return client

    def _model(self, client: httpx2.AsyncClient) -> Asked:
        key = self._variables.get(self.said.key_env, "") if self.said.key_env else "none-is-needed"
        if self.said.provider == "anthropic":
            from pydantic_ai.models.anthropic import AnthropicModel
            from pydantic_ai.providers.anthropic import AnthropicProvider

            theirs = AnthropicProvider(api_key=key, base_url=self.said.url, http_client=client)
            return AnthropicModel(self.said.name, provider=theirs)
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai import OpenAIProvider

        ours = OpenAIProvider(base_url=self.said.url, api_key=key, http_client=client)
        return OpenAIChatModel(self.said.name, provider=ours)

    def _spent(self, usage: RunUsage, sent: _Sent, *, was_refused: bool = False) -> Spent:
        """What is known of the spending. One request without a count makes the sum unknown, unless it was refused."""
        counted = usage.requests - usage.unmeasured_requests
        is_known = sent.count == counted + was_refused and (usage.total_tokens > 0 or not counted)
        if not is_known:
            return Spent(requests=sent.count, tokens=None, money=None)
        return Spent(
            requests=sent.count,
            tokens=usage.total_tokens,
            money=self._price(usage.input_tokens, usage.output_tokens, usage.cost) if counted else 0,
        )

    def _price(self, told: int, answered: int, billed: Decimal | None = None) -> int | None:
        """Millionths of a dollar, rounded up; None when nobody knows the price. What the registry says goes first."""
        said = self.said
        if said.price_in is not None and said.price_out is not None:
            return -(-(told * said.price_in + answered * said.price_out) // MILLION)
        if billed is not None:
            return -int(-billed * MILLION // 1)
        if said.base_url or not has_library():
            return None  # a server of one's own: what it costs, only its owner knows
        from genai_prices import Usage, calc_price

        try:
            found = calc_price(
                Usage(input_tokens=told, output_tokens=answered), said.name, provider_id=said.provider
            ).total_price
        except (LookupError, ValueError):
            return None
        return -int(-found * MILLION // 1)


def has_library() -> bool:
    """Whether the extra is installed."""
    return all(importlib.util.find_spec(name) for name in ("pydantic_ai", "genai_prices"))


def load(provider: str) -> None:
    """Import what asks a provider."""
    importlib.import_module(f"pydantic_ai.models.{provider}")


def _plan_form(names: tuple[str, ...]) -> Any:
    """The form of an answer: only these tools have a place in it, and nothing that a step may not say."""
    from pydantic import BaseModel, ConfigDict, Field, create_model

    class Closed(BaseModel):
        model_config = ConfigDict(extra="forbid")

    step = create_model(
        "Step",
        __base__=Closed,
        id=(str, Field(max_length=40, pattern=r"^[A-Za-z0-9_-]+$")),
        tool=(Literal[names], ...),  # type: ignore[arg-type]  # of names that only this call knows
        input=(dict[str, Any], Field(default_factory=dict)),
        reason=(str, Field(default="", max_length=500)),
        depends_on=(list[str], Field(default_factory=list, max_length=MOST_STEPS)),
    )
    return create_model(
        "Plan",
        __base__=Closed,
        steps=(list[step], Field(default_factory=list, max_length=MOST_STEPS)),  # type: ignore[valid-type]
        why=(list[str], Field(default_factory=list, max_length=10)),
        question=(str, Field(default="", max_length=500)),
    )


def _unfit(found: dict[str, Any]) -> str:
    """What makes an answer of that form unfit to be kept; empty when nothing does."""
    if not found["steps"] and not found["question"].strip():
        return "give at least one step, or a question"
    if len(msgspec.json.encode(found)) > MAX_REPLY:
        return "the plan is too long"
    return ""


def _meaning(error: Exception) -> tuple[FailureMode, bool]:
    """What kind of failure it is, and whether the provider refused the request, which then cost nothing."""
    from pydantic_ai import exceptions as x

    for kind, mode, is_refusal in (
        (x.ModelAuthenticationError, FailureMode.USER_PERMISSION, True),
        (x.ModelRateLimitError, FailureMode.RESOURCE_RATE_LIMIT, True),
        (x.ModelQuotaExceededError, FailureMode.RESOURCE_QUOTA, True),
        (x.ModelRequestRejectedError, FailureMode.AGENT_CONTRACT, True),
        (x.ModelTimeoutError, FailureMode.SYSTEM_TIMEOUT, False),
        (x.ModelRequestTimeout, FailureMode.SYSTEM_TIMEOUT, False),
        (x.ModelConnectionError, FailureMode.SYSTEM_NETWORK, False),
        (x.ModelAPIError, FailureMode.RESOURCE_API_UNAVAILABLE, False),
        (x.UsageLimitExceeded, FailureMode.POLICY_BUDGET, False),
    ):
        if isinstance(error, kind):
            return mode, is_refusal
    return FailureMode.AGENT_VALIDATION, False


def _words(error: Exception, wrong: str) -> str:
    """What went wrong, in a line; of answers that did not do, what was wrong with the last."""
    status = getattr(error, "status_code", None)
    said = " ".join(str(error).split())[:300]
    if wrong:
        return f"its answers did not do: {wrong[:300]}"
    return f"{status}: {said}" if isinstance(status, int) and str(status) not in said else said
