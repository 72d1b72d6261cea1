"""Which adapter a capability gets: what is allowed, here, enabled, chosen; read and written where the mode says."""

from __future__ import annotations

import pytest

from cuga.policy.binding import bound, reduced_words
from cuga.policy.profile import Current, Limits, Profile
from cuga.policy.routing import Pool
from cuga.testing.factories import READ, current, rules

PROFILE = Profile(name="p", limits=Limits(calls=1), adapters={"crm": ("folder", "other", "offline")})
HERE = {"crm": ("offline", "folder", "other")}


def names(reads=True, pool=None, **now):
    return bound("crm", PROFILE, Current(**{"installed_adapters": HERE, **now}), reads=reads, pool=pool).names


@pytest.mark.parametrize(
    ("now", "reading", "writing"),
    [
        ({}, ("folder", "other", "offline"), ("folder", "other", "offline")),
        ({"installed_adapters": {}}, (), ()),
        ({"disabled_adapters": ("folder", "crm/other", "mail/offline")}, ("offline",), ("offline",)),
        ({"chosen_adapters": {"crm": "other"}}, ("other",), ("other",)),
        ({"chosen_adapters": {"crm": "absent"}}, (), ()),
        ({"adapter_modes": {"crm": "offline"}}, ("offline",), ("offline",)),
        ({"adapter_modes": {"crm": "live"}}, ("folder", "other"), ("folder", "other")),
        ({"adapter_modes": {"crm": "hybrid"}}, ("folder", "other"), ("folder+offline", "other+offline")),
        (
            {"adapter_modes": {"crm": "hybrid"}, "chosen_adapters": {"crm": "other"}},
            ("other",),
            ("other+offline",),
        ),
        ({"adapter_modes": {"crm": "hybrid"}, "disabled_adapters": ("offline",)}, ("folder", "other"), ()),
        ({"read_only_adapters": ("crm/folder",)}, ("folder", "other", "offline"), ("other", "offline")),
        (
            {"adapter_modes": {"crm": "hybrid"}, "read_only_adapters": ("crm/folder",)},
            ("folder", "other"),
            ("folder+offline", "other+offline"),
        ),
    ],
)
def test_what_is_bound(now, reading, writing):
    assert names(True, **now) == reading
    assert names(False, **now) == writing


def test_a_pool_may_only_narrow_it():
    assert names(pool=Pool(name="w", capabilities=("x",), adapters=("offline", "elsewhere"))) == ("offline",)
    assert names(pool=Pool(name="w", capabilities=("x",))) == ("folder", "other", "offline")
    assert names(pool=Pool(name="w", capabilities=("x",), adapters=())) == ()


def test_the_words_say_why_nothing_is_bound():
    def why(reads=True, pool=None, **now):
        return bound("crm", PROFILE, Current(**now), reads=reads, pool=pool).why

    none = "profile p allows folder, other, offline, none of them usable now"
    assert why() == none
    assert why(chosen_adapters={"crm": "folder"}, adapter_modes={"crm": "live"}) == (
        f"{none}; it is switched to folder; its mode is live"
    )
    pool = Pool(name="w", capabilities=("x",), adapters=("none",))
    assert why(pool=pool) == "profile p and pool w allows none, none of them usable now"
    only = {"installed_adapters": {"crm": ("folder",)}, "read_only_adapters": ("crm/folder",)}
    assert why(False, **only).startswith("folder can only be read; profile p allows")
    assert reduced_words({"crm": "gone"}) == "reduced: crm unavailable (gone)"


def test_the_seats_of_a_tool_follow_what_holds_now():
    pinned = rules(READ)
    desk, night = (Pool(name=name, capabilities=("intelligence",)) for name in ("desk", "night"))
    now = current(pinned, pools={"desk": desk, "night": night})
    assert [seat.pool.name for seat in pinned.seats("score", now)] == ["desk", "night"]
    assert [seat.pool.name for seat in pinned.seats("score", current(pinned, pools={"night": night}))] == ["night"]
