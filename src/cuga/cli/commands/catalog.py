"""Every command by its name and its place in the help. The functions import what they need when they are called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

from cyclopts import App, Group, Parameter

import cuga
from cuga.cli.commands import (
    admitting,
    connecting,
    corresponding,
    deciding,
    erasing,
    governing,
    keeping,
    looking,
    machines,
    making,
    observing,
    outside,
    quick,
    remembering,
    scheduling,
    sealing,
    shells,
    showing,
    switching,
    trying,
    window,
    witnessing,
    working,
)

_WORK = Group("Work", sort_key=1)
_DECIDE = Group("Decide", sort_key=2)
_LOOK = Group("Look", sort_key=3)
_HOUSE = Group("The house", sort_key=4)

app = App(
    name="cuga",
    help="Agent work that a company can sign for: plans over your CRM data, asks a person before anything leaves the "
    "house, survives any crash, and keeps a record that an auditor can check.",
    help_epilogue="Begin with `cuga demo`, or `cuga init sales/ --from CSV_DIR`. `cuga COMMAND --help` has examples.",
    version=cuga.__version__,
    version_flags=["--version"],
    help_format="plaintext",
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative="", negative_iterable="", show_default=False),
)

_COMMANDS: tuple[tuple[Group, Callable[..., int], str], ...] = (
    (_WORK, working.run, "run"),
    (_WORK, working.plan, "plan"),
    (_WORK, working.compare, "compare"),
    (_WORK, quick.quick, "quick"),
    (_WORK, outside.call, "call"),
    (_WORK, working.resume, "resume"),
    (_WORK, working.cancel, "cancel"),
    (_WORK, working.answer, "answer"),
    (_WORK, working.replan, "replan"),
    (_WORK, working.resolve, "resolve"),
    (_WORK, working.top_up, "top-up"),
    (_WORK, corresponding.replies, "replies"),
    (_WORK, scheduling.schedule, "schedule"),
    (_DECIDE, deciding.inbox, "inbox"),
    (_DECIDE, deciding.show, "show"),
    (_DECIDE, deciding.approve, "approve"),
    (_DECIDE, deciding.deny, "deny"),
    (_DECIDE, deciding.amend, "amend"),
    (_DECIDE, deciding.request_changes, "request-changes"),
    (_DECIDE, deciding.revoke, "revoke"),
    (_LOOK, looking.runs, "runs"),
    (_LOOK, looking.result, "result"),
    (_LOOK, looking.trace, "trace"),
    (_LOOK, looking.audit, "audit"),
    (_LOOK, looking.replay, "replay"),
    (_LOOK, sealing.verify, "verify"),
    (_LOOK, looking.signals, "signals"),
    (_LOOK, looking.tools, "tools"),
    (_LOOK, looking.export, "export"),
    (_HOUSE, showing.demo, "demo"),
    (_HOUSE, making.init, "init"),
    (_HOUSE, making.import_, "import"),
    (_HOUSE, connecting.sync, "sync"),
    (_HOUSE, keeping.doctor, "doctor"),
    (_HOUSE, keeping.serve, "serve"),
    (_HOUSE, machines.worker, "worker"),
    (_HOUSE, machines.migrate, "migrate"),
    (_HOUSE, window.desktop, "desktop"),
    (_HOUSE, keeping.halt, "halt"),
    (_HOUSE, corresponding.suppression, "suppression"),
    (_HOUSE, remembering.memory, "memory"),
    (_HOUSE, governing.users, "users"),
    (_HOUSE, governing.delegate, "delegate"),
    (_HOUSE, governing.rules, "rules"),
    (_HOUSE, admitting.keys, "keys"),
    (_HOUSE, admitting.notices, "notices"),
    (_HOUSE, admitting.link, "link"),
    (_HOUSE, switching.adapters, "adapters"),
    (_HOUSE, switching.workers, "workers"),
    (_LOOK, sealing.evidence, "evidence"),
    (_HOUSE, sealing.seal, "seal"),
    (_HOUSE, witnessing.witness, "witness"),
    (_HOUSE, erasing.erase, "erase"),
    (_HOUSE, erasing.retain, "retain"),
    (_HOUSE, keeping.backup, "backup"),
    (_HOUSE, keeping.restore, "restore"),
)


_BELOW: dict[str, tuple[tuple[Callable[..., int], str], ...]] = {
    "tools": ((outside.drift, "drift"), (outside.accept, "accept")),
    "adapters": ((connecting.setup, "setup"), (connecting.try_, "test")),
}  # commands of their own below one that does something itself


def _flowing(said: str) -> str:
    """Paragraphs without the line ends of the source; a terminal has its own width."""
    return "\n\n".join(" ".join(part.split()) for part in said.strip().split("\n\n"))


def _add(to: App, function: Callable[..., int], name: str, group: Group | None = None, place: int = 0) -> None:
    """Add a command. Its docstring is its help; what stands under "Examples:" is shown at the end, line by line."""
    said, _, examples = inspect.cleandoc(function.__doc__ or "").partition("Examples:\n")
    lines = [f"  {line.strip()}" for line in examples.splitlines() if line.strip()]
    to.command(
        function,
        name=name,
        group=group,
        sort_key=place,
        help=_flowing(said),
        help_epilogue="\n".join(["Examples:", *lines]),
    )
    for below, called in _BELOW.get(name, ()):
        _add(to[name], below, called)


for _place, (_group, _function, _name) in enumerate(_COMMANDS):
    _add(app, _function, _name, _group, _place)

_policy = App(name="policy", help="Check the rules of a house, and try others before they hold.", group=_HOUSE)
_add(_policy, keeping.check, "check")
_add(_policy, trying.try_cases, "test")
_add(_policy, trying.backtest, "backtest")
_add(_policy, trying.shadow, "shadow")
app.command(_policy)

_mcp = App(name="mcp", help="MCP servers: whose tools are used here, and cuga as one.", group=_HOUSE)
_add(_mcp, outside.list_, "list")
_add(_mcp, outside.try_, "test")
_add(_mcp, outside.add, "add")
_add(_mcp, outside.serve, "serve")
app.command(_mcp)

_observe = App(name="observe", help="What whoever operates a house loads elsewhere, and spans.", group=_HOUSE)
_add(_observe, observing.dashboard, "dashboard")
_add(_observe, observing.alerts, "alerts")
_add(_observe, observing.scrape, "scrape")
_add(_observe, observing.metrics, "metrics")
_add(_observe, observing.send, "send")
app.command(_observe)

_completion = App(name="completion", help="Complete commands in the shell.", group=_HOUSE)
_add(_completion, shells.show, "show")
_add(_completion, shells.install, "install")
app.command(_completion)


def names() -> tuple[str, ...]:
    """The names of all commands."""
    return (*(name for _, _, name in _COMMANDS), "policy", "mcp", "observe", "completion")


def path_of(words: Sequence[str]) -> tuple[str, ...]:
    """The command that words begin with, as far as they name one: ("policy", "test")."""
    at = app
    path: tuple[str, ...] = ()
    for word in words:
        if word.startswith("-") or word not in at:
            break
        at, path = at[word], (*path, word)
    return path
