"""What holds for every test."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from cuga.adapters import openai_adapter
from cuga.policy.models import KEYS

pytest_plugins = ["tests.mailbox_server"]

# how long one example takes says more about the machine than about the code; speed is measured in `bench/`
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True, scope="session")
def _seals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keys and anchors of the houses of tests lie with the tests, never with whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUGA_SEALS", str(tmp_path_factory.mktemp("seals")))
        yield


_load = openai_adapter.load


@pytest.fixture(autouse=True, scope="session")
def _no_model_is_asked() -> Iterator[None]:
    """No key of whoever runs the tests is used, and no language model is asked but by tests that say so."""

    def load(provider: str) -> None:
        _load(provider)
        from pydantic_ai import models

        models.ALLOW_MODEL_REQUESTS = False

    with pytest.MonkeyPatch.context() as patch:
        for name in KEYS.values():
            patch.delenv(name, raising=False)
        patch.setattr(openai_adapter, "load", load)
        yield


@pytest.fixture
def asks_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests with a server of their own in the place of a model."""
    models = pytest.importorskip("pydantic_ai.models", reason="the extra `llm` is not installed")
    monkeypatch.setattr(openai_adapter, "load", _load)
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", True)
