"""What a machine does by itself after others wrote: a piece that fails is kept, and takes nothing with it."""

from __future__ import annotations

import sqlite3

import pytest

from cuga.orchestrator.house.following import Following


@pytest.mark.parametrize("error", [OSError("disk full"), sqlite3.OperationalError("locked"), KeyError("x")])
async def test_a_piece_that_fails_in_any_way_is_told_and_the_others_are_done(error: Exception) -> None:
    done: list[str] = []
    fails = [True]

    async def first() -> None:
        if fails:
            raise error
        done.append("first")

    async def second() -> None:
        done.append("second")

    following = Following({"first": first, "second": second})
    await following.go_round()
    assert done == ["second"] and list(following.trouble) == ["first"]
    assert following.trouble["first"] == str(error)
    fails.clear()
    await following.go_round()
    assert done == ["second", "first", "second"] and not following.trouble
    await following.close()
