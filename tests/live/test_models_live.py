"""The real models, asked for one small plan and one small text, and only when somebody says so: `CUGA_LIVE=1`, a key.

What it costs is a few hundred tokens. `CUGA_LIVE_OPENAI` and `CUGA_LIVE_ANTHROPIC` name other models.
"""

from __future__ import annotations

import os

import pytest

from cuga.adapters.capability.writing import WritingTask
from cuga.adapters.openai_adapter import OpenAIAdapter
from cuga.packs.sales.pack import TOOLS
from cuga.policy.models import KEYS, ModelSaid
from cuga.tools.declare import contract_of

MODELS = {"openai": "gpt-5-mini", "anthropic": "claude-sonnet-4-5"}
SCORE = next(contract_of(tool) for tool in TOOLS if contract_of(tool).name == "score_account_fit")


@pytest.fixture(params=sorted(KEYS))
def model(request: pytest.FixtureRequest, asks_a_model: None) -> OpenAIAdapter:
    provider: str = request.param
    if os.environ.get("CUGA_LIVE") != "1" or not os.environ.get(KEYS[provider]):
        pytest.skip(f"{provider} was not asked: CUGA_LIVE=1 and {KEYS[provider]} are not set")
    name = os.environ.get(f"CUGA_LIVE_{provider.upper()}") or MODELS[provider]
    said = ModelSaid(provider=provider, name=name, key_env=KEYS[provider])
    return OpenAIAdapter(said, {KEYS[provider]: os.environ[KEYS[provider]]})


async def test_the_real_model_plans_over_the_tools_it_is_shown(model: OpenAIAdapter) -> None:
    thought = await model.decompose_goal("Score the account Kestrel Works", [SCORE])
    assert [step["tool"] for step in thought.steps] == ["score_account_fit"]
    assert thought.spent.requests and thought.spent.tokens


async def test_the_real_model_writes_and_keeps_placeholders(model: OpenAIAdapter) -> None:
    task = WritingTask(
        task="Thank [person-1] for the talk, in one sentence. No subject.", draft="Thank you, [person-1]."
    )
    writing = await model.write(task.text())
    assert "[person-1]" in writing.text and writing.spent.tokens
