"""Two people on one machine, each a user of the operating system: the owner serves, others come to the desk beside it.

It needs root, which alone can be several users in one test. Children are forked, because nobody else may read where the
interpreter lies on some machines; what they need is imported before.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cuga.cli.exits import Exit
from cuga.cli.main import main
from cuga.orchestrator.house.place import shipped_registry

ANN, BEA, CAL, DAN, GROUP = 61001, 61002, 61003, 61004, 61100
GOAL = "draft a first email to the buyer at Velkarin Foods and send it"

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or os.getuid() != 0, reason="only root can be two users of a machine in one test"
)


class Said:
    """What a command said and how it ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


def become(user: int, groups: list[int]) -> None:
    os.setgroups(groups)
    os.setgid(user)
    os.setuid(user)
    os.umask(0o022)


def child(user: int, groups: list[int], work: Callable[[], int], out: int, err: int) -> int:
    """A forked process of another user; its number."""
    sys.stdout.flush(), sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.dup2(out, 1), os.dup2(err, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        become(user, groups)
        os.environ["CUGA_SEALS"] = os.environ.get(
            "TEST_SEALS", "/nowhere"
        )  # the keys of the tests are not hers to read
        os.chdir("/")
        code = work()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        sys.stderr.flush()
        os._exit(99)


class Machine:
    """A directory that everybody can pass through, the house of ann in it, and the users."""

    def __init__(self, root: Path) -> None:
        self.root, self.house = root, root / "ann" / "house"
        self._serving = 0

    def as_user(self, user: int, *words: str, groups: tuple[int, ...] = ()) -> Said:
        """What a command says to a user."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            pid = child(
                user, list(groups), lambda: main([*words, "--house", str(self.house)]), out.fileno(), err.fileno()
            )
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            for stream in (out, err):
                stream.seek(0)
            return Said(code, out.read().decode(), err.read().decode())

    def member(self, user: int, *words: str) -> Said:
        return self.as_user(user, *words, groups=(GROUP,))

    @contextlib.contextmanager
    def served(self, *words: str) -> Iterator[None]:
        """The house held by ann, in a process of her own."""
        log = (self.root / "log").open("wb")
        pid = child(
            ANN, [GROUP], lambda: main(["serve", *words, "--house", str(self.house)]), log.fileno(), log.fileno()
        )
        try:
            end = time.monotonic() + 30
            while b"Serving" not in (self.root / "log").read_bytes():
                assert time.monotonic() < end and not os.waitpid(pid, os.WNOHANG)[0], (self.root / "log").read_text()
                time.sleep(0.02)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGTERM)
                os.waitpid(pid, 0)


@pytest.fixture(scope="module")
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import what the commands need while we can still read it."""
    house = str(tmp_path_factory.mktemp("warm") / "house")
    assert main(["init", house, "--sample"]) == 0
    for words in (
        ("run", GOAL), ("inbox", "--json"), ("inbox",), ("show", "last"), ("approve", "last"), ("runs",),
        ("users", "add", "x", "--role", "viewer"), ("users",), ("cancel", "last"), ("backup", f"{house}.copy"),
        ("evidence", "last", "--to", f"{house}.zip"),
        ("suppression", "why", "a@b.example"), ("doctor",), ("serve", "--group", "no such group"), ("nonsense",),
    ):  # fmt: skip
        main([*words, "--house", house])
    import cuga.cli.serving
    import cuga.orchestrator.calendar.timetable  # noqa: F401


@pytest.fixture
def machine(_warm: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    root = Path(tempfile.mkdtemp(prefix="cuga-two-"))
    root.chmod(0o755)
    (root / "ann").mkdir(mode=0o755)
    os.chown(root / "ann", ANN, ANN)
    made = Machine(root)
    monkeypatch.setenv("TEST_SEALS", str(root / "ann" / "seals"))
    with tempfile.TemporaryFile() as out:
        pid = child(ANN, [], lambda: main(["init", str(made.house), "--sample"]), out.fileno(), out.fileno())
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    try:
        yield made
    finally:
        shutil.rmtree(root, ignore_errors=True)


def test_two_people_work_in_one_house_each_as_themselves(machine: Machine) -> None:
    for user, role in ((BEA, "approver"), (CAL, "viewer")):
        assert machine.as_user(ANN, "users", "add", f"uid-{user}", "--role", role).code == 0
    with machine.served("--group", str(GROUP)):
        desk = machine.house.with_name("house.desk")
        assert stat.S_IMODE(machine.house.stat().st_mode) == 0o700
        assert (stat.S_IMODE(desk.stat().st_mode), desk.stat().st_gid) == (0o750, GROUP)
        assert stat.S_IMODE((desk / "house.sock").stat().st_mode) == 0o660

        assert machine.as_user(ANN, "run", GOAL).code == Exit.PARKED
        (card,) = json.loads(machine.member(BEA, "inbox", "--json").out)
        assert card["requesters"] == [f"uid-{ANN}"]
        alone = machine.as_user(ANN, "approve", card["approval_id"])
        assert alone.code == Exit.REFUSED and "uid-61002" in alone.err  # it says who can
        looking = machine.member(CAL, "approve", card["approval_id"])
        assert looking.code == Exit.REFUSED
        done = machine.member(BEA, "approve", card["approval_id"])
        assert done.code == Exit.SUCCESS, (done.out, done.err)
        (closed,) = [json.loads(machine.member(CAL, "show", card["approval_id"], "--json").out)]
        assert [(vote["by"], vote["solo"]) for vote in closed["votes"]] == [(f"uid-{BEA}", False)]
    assert not (desk / "house.sock").exists()


def test_a_guest_may_do_what_their_role_says_and_nothing_with_the_owners_files(machine: Machine) -> None:
    machine.as_user(ANN, "users", "add", f"uid-{CAL}", "--role", "viewer")
    machine.as_user(ANN, "users", "add", f"uid-{BEA}", "--role", "operator")
    with machine.served("--group", str(GROUP)):
        begun = machine.member(BEA, "run", GOAL)
        assert begun.code == Exit.PARKED, begun.err
        assert machine.member(CAL, "runs").code == Exit.SUCCESS
        for words in (("run", GOAL), ("cancel", "last"), ("users", "add", "uid-1", "--role", "admin"),
                          ("adapters", "disable", "offline", "--reason", "x")):  # fmt: skip
            assert machine.member(CAL, *words).code == Exit.REFUSED, words
        rules = machine.root / "other.yaml"
        rules.write_text(shipped_registry())
        rules.chmod(0o644)
        for words in (("backtest", str(rules)), ("shadow", str(rules))):  # a registry names modules that are loaded
            assert machine.member(CAL, "policy", *words).code == Exit.REFUSED, words
        target = machine.root / "stolen.db"
        for words in (("backup", str(target)), ("evidence", "last", "--to", str(target))):
            assert machine.member(BEA, *words).code == Exit.REFUSED and not target.exists(), words
        machine.as_user(ANN, "users", "revoke", f"uid-{BEA}", "--role", "operator")
        assert machine.member(BEA, "runs").code == Exit.REFUSED  # at once, though the desk stands


def test_who_is_not_in_the_group_or_has_no_role_learns_nothing(machine: Machine) -> None:
    machine.as_user(ANN, "run", GOAL)
    with machine.served("--group", str(GROUP)):
        stranger, nobody = machine.as_user(DAN, "inbox"), machine.member(DAN, "inbox")
        assert stranger.code == nobody.code == Exit.REFUSED
        assert "--group" in stranger.err
        assert "no role in this house" in nobody.err and f"cuga users add uid-{DAN}" in nobody.err
        assert "Velkarin" not in stranger.out + stranger.err + nobody.out + nobody.err
    with machine.served():
        assert machine.member(DAN, "inbox").code == Exit.REFUSED  # nobody is let in unless it is said


def test_somebody_elses_desk_beside_the_house_is_not_believed(machine: Machine) -> None:
    (machine.root / "ann").chmod(0o777)  # a careless owner
    desk = machine.house.with_name("house.desk")

    def lure() -> int:
        import socket

        desk.mkdir()
        desk.chmod(0o750)
        socket.socket(socket.AF_UNIX).bind(str(desk / "house.sock"))
        desk.chmod(0o755)
        return 0

    pid = child(CAL, [GROUP], lure, 1, 2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    lured = machine.member(BEA, "inbox")
    assert lured.code == Exit.REFUSED and "is not a directory that" in lured.err
    refused = machine.as_user(ANN, "serve", "--group", str(GROUP), groups=(GROUP,))
    assert refused.code == Exit.REFUSED and "is not a directory that" in refused.err


def test_a_group_that_is_not_ours_or_not_there_is_said(machine: Machine) -> None:
    assert machine.as_user(ANN, "serve", "--group", "no-such-group").code == Exit.BAD_INPUT
    foreign = machine.as_user(ANN, "serve", "--group", str(GROUP))  # she is no member of it
    assert foreign.code == Exit.REFUSED and "must be a member" in foreign.err
