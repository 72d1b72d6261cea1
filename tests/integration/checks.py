"""What the integration checks share: a sample house of their own, and the demo in it. Needs no test framework."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from cuga.adapters.offline import CrmStore
from cuga.cli.production import Report, produce, scripted
from cuga.orchestrator import Coordinator
from cuga.orchestrator.house.place import Place, make
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.sample import write_sample

TODAY = datetime(2026, 1, 5, 9, tzinfo=UTC)


def sample_house(root: Path) -> Place:
    """A house with the sample's records in it."""
    place = make(root / "house")
    write_sample(root / "csv", today=TODAY.date())
    store = CrmStore.open(place.crm)
    import_directory(root / "csv", store)
    store.close()
    return place


@asynccontextmanager
async def sample(profile: str = "enterprise", user: str = "ann") -> AsyncIterator[Coordinator]:
    """An open sample house that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cuga-check-") as spare:
        async with Coordinator(profile, house=sample_house(Path(spare)).root, user=user) as house:
            yield house


async def demo(delay_s: float = 0.0, variables: dict[str, str] | None = None) -> Report:
    """The production demo in a fresh house, with a scripted second person."""
    with tempfile.TemporaryDirectory(prefix="cuga-check-") as spare:
        return await produce(sample_house(Path(spare)), scripted(delay_s), variables)
