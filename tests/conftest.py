"""What holds for every test."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

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
