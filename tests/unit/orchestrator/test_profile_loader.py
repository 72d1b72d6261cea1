"""Profiles as callers read them."""

import pytest

from cuga.errors import BadInput, ProfileUnknown
from cuga.orchestrator import AGENTSCoordinator, ProfileLoader
from cuga.orchestrator.house.place import make


@pytest.mark.parametrize(
    ("name", "calls", "domains"),
    [
        ("enterprise", 200, {"territory": 50, "intelligence": 40, "engagement": 30}),
        ("smb", 100, {"engagement": 30, "intelligence": 25, "qualification": 20}),
        ("technical", 500, {}),
    ],
)
def test_the_shipped_profiles(name, calls, domains):
    config = ProfileLoader().load_profile(name)
    assert (config.name, config.budget.total_calls, config.budget.calls_per_domain) == (name, calls, domains)
    assert (config.budget.cost_ceiling, config.budget.token_ceiling, config.warning_threshold) == (100.0, 100_000, 0.8)


def test_adapters_are_those_that_the_profile_allows():
    assert ProfileLoader().load("technical").allowed_adapters == ("offline",)
    smb = ProfileLoader().load("smb")
    assert smb.allows_adapter("hubspot") and not smb.allows_adapter("salesforce")


def test_who_must_agree_follows_the_class():
    loader = ProfileLoader()
    asks = {
        name: [loader.load(name).requires_approval(kind) for kind in ("read-only", "propose", "execute")]
        for name in loader.names
    }
    assert asks == {
        "enterprise": [False, True, True],
        "smb": [False, False, True],
        "technical": [False, False, False],
    }


def test_what_nobody_knows_raises():
    with pytest.raises(ProfileUnknown, match="enterprise, smb, technical"):
        ProfileLoader().load("nobodys")
    with pytest.raises(BadInput):
        ProfileLoader().load("smb").consent_for("harmless")


async def test_a_coordinator_reads_the_registry_of_its_house(tmp_path):
    place = make(tmp_path)
    place.registry.write_text(place.registry.read_text().replace("calls: 100\n", "calls: 77\n"))
    coordinator = AGENTSCoordinator(profile="smb", house=tmp_path)
    assert coordinator.profile_config.budget.total_calls == 77
    async with coordinator:
        assert coordinator.profile_config.budget.total_calls == 77
