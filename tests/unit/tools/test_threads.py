"""Synchronous tools get threads of their own; one that hangs takes nothing else down."""

import asyncio
import contextvars
import subprocess
import sys
import threading

import pytest

from cuga.tools import threads as module
from cuga.tools.threads import Job, NoMorePlaces, Threads, TooManyHang

WHO = contextvars.ContextVar("who", default="nobody")


async def test_a_thread_is_used_again_and_sees_the_context_of_its_caller():
    pool = Threads(4)
    WHO.set("ada")
    first = await pool.run(Job(lambda: (threading.get_ident(), WHO.get())))
    await asyncio.sleep(0.3)
    second = await pool.run(Job(lambda: (threading.get_ident(), WHO.get())))
    assert first == second
    assert first[1] == "ada"
    pool.close()


@pytest.mark.parametrize("error", [ValueError("x"), StopIteration(), KeyboardInterrupt()])
async def test_what_the_function_raises_is_raised_here(error):
    def fail():
        raise error

    with pytest.raises((type(error), RuntimeError)):
        await Threads(1).run(Job(fail))


async def test_never_more_than_the_limit_at_once():
    pool, at_once, most, lock = Threads(3), 0, 0, threading.Lock()
    three = threading.Barrier(3)

    def work():
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        three.wait(60)  # none ends before three are at work together
        with lock:
            at_once -= 1

    await asyncio.gather(*(pool.run(Job(work)) for _ in range(21)))
    assert most == 3
    pool.close()


async def test_a_call_given_up_on_gives_its_place_away_until_too_many_hang(monkeypatch):
    monkeypatch.setattr(module, "MAX_HANGING", 2)
    pool, release = Threads(1), threading.Event()
    for _ in range(3):
        job = Job(release.wait)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.run(job), 0.5)
        assert job.started
    late = Job(lambda: "never")
    with pytest.raises(TooManyHang):
        await pool.run(late)
    assert not late.started
    release.set()
    await asyncio.sleep(0.5)
    assert await pool.run(Job(lambda: "again")) == "again"
    pool.close()


async def test_a_closed_pool_starts_nothing():
    pool = Threads(1)
    await pool.run(Job(lambda: None))
    pool.close()
    with pytest.raises(TooManyHang):
        await pool.run(Job(lambda: None))


def test_a_hanging_tool_does_not_keep_the_process_from_ending():
    program = """
import asyncio, threading
from cuga.tools.threads import Job, Threads
async def main():
    try:
        await asyncio.wait_for(Threads(1).run(Job(threading.Event().wait)), 0.1)
    except TimeoutError:
        print("left")
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.returncode, done.stdout) == (0, "left\n"), done.stderr


async def test_a_call_that_was_left_before_it_began_never_begins():
    entered, over = [], []
    job = Job(lambda: entered.append(1))
    job.leave(lambda: over.append(job.started))
    job.perform()
    assert (entered, over) == ([], [False])


async def test_a_place_that_comes_in_the_moment_of_giving_up_goes_on_to_the_next():
    pool = Threads(1)
    await pool.take()
    first, second = asyncio.ensure_future(pool.take()), asyncio.ensure_future(pool.take())
    await asyncio.sleep(0)
    assert pool.waiting == 2 and not pool.take_at_once()
    pool.leave()  # to the first
    first.cancel()
    await asyncio.wait([first, second], timeout=5)
    assert first.cancelled() and second.done() and pool.waiting == 0
    pool.leave()
    assert pool.take_at_once() and not pool.take_at_once()
    pool.close()


async def test_whoever_waits_hears_that_there_will_be_no_place():
    pool = Threads(1)
    await pool.take()
    waiting = asyncio.ensure_future(pool.run(Job(lambda: "never")))
    await asyncio.sleep(0)
    pool.end_waiting()
    with pytest.raises(NoMorePlaces):
        await waiting
    with pytest.raises(NoMorePlaces):
        await pool.take()
    pool.leave()
    assert await pool.run(Job(lambda: "a place that is free is given")) == "a place that is free is given"
    pool.close()


async def test_places_are_given_in_the_order_of_coming():
    pool, order = Threads(1), []
    await pool.take()
    calls = [asyncio.ensure_future(pool.run(Job(lambda n=n: order.append(n)))) for n in range(8)]
    await asyncio.sleep(0)
    pool.leave()
    await asyncio.gather(*calls)
    assert order == list(range(8))
    pool.close()
