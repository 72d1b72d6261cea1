"""Help, completion and the reference page: every command is found, explained, shown by example, and quickly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.doors.terminal import ROOT

from cuga.cli.commands import catalog
from cuga.cli.exits import Exit
from cuga.cli.main import main
from cuga.cli.reference import page

PATHS = [
    (name,) for name in catalog.names() if name not in ("policy", "mcp", "observe", "completion")
] + [("policy", "check"), ("completion", "show"), ("completion", "install")] + [
    ("observe", word) for word in ("dashboard", "alerts", "scrape", "metrics", "send")
] + [
    ("mcp", "list"), ("mcp", "test"), ("mcp", "add"), ("mcp", "serve"), ("tools", "drift"), ("tools", "accept"),
]  # fmt: skip

HEAVY = {
    *("apsw", "asyncio", "common_expression_language", "cel_expr_python", "jsonschema_rs", "msgspec", "pydantic"),
    *("rapidfuzz", "rich.live", "rich.markdown", "sqlite3", "yaml"),
}


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_has_help_with_examples(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*path, "--help"]) == Exit.SUCCESS
    said = capsys.readouterr().out
    assert f"Usage: cuga {' '.join(path)}" in said
    assert f"  cuga {path[0]}" in said.partition("Examples:")[2] or "cuga completion" in said


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == Exit.SUCCESS
    said = capsys.readouterr().out
    for name in catalog.names():
        assert f"│ {name} " in said


def _apart(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)  # measuring loads modules of its own
    environment.pop("COVERAGE_PROCESS_START", None)
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=180
    ).stdout


def test_help_opens_no_room_and_loads_nothing_heavy() -> None:
    loaded = _apart(
        "import sys; from cuga.cli.main import main; main(['--help']); "
        "print('LOADED', *sorted(name for name in sys.modules))"
    ).partition("LOADED")[2]
    names = set(loaded.split())
    assert not names & HEAVY  # what help does not load it need not wait for; how long it takes is measured elsewhere
    assert {name for name in names if name.startswith("cuga.")} <= {"cuga.errors", "cuga.clock", "cuga.model"} | {
        name for name in names if name.startswith("cuga.cli")
    }


def test_a_house_on_one_file_that_speaks_with_nobody_loads_no_library_for_it(tmp_path: Path) -> None:
    loaded = _apart(
        f"import sys; from cuga.cli.main import main; main(['init', {str(tmp_path / 'house')!r}, '--sample']); "
        f"main(['runs', '--house', {str(tmp_path / 'house')!r}]); print('LOADED', *sys.modules)"
    ).partition("LOADED")[2]
    assert not set(loaded.split()) & {
        "anyio", "h11", "h2", "httpcore2", "httpx2", "fastapi", "mcp", "opentelemetry", "procrastinate", "psycopg",
        "pydantic_ai", "uvicorn",
    }  # fmt: skip


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_every_command(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["completion", "show", shell]) == Exit.SUCCESS
    script = capsys.readouterr().out
    for name in catalog.names():
        assert name in script
    target = tmp_path / "completion"
    assert main(["completion", "install", shell, "--output", str(target)]) == Exit.SUCCESS
    assert "cuga" in target.read_text()


def test_bash_takes_the_completion_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "show", "bash"])
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    import cuga

    assert main(["--version"]) == Exit.SUCCESS
    assert capsys.readouterr().out.strip() == cuga.__version__


def test_the_reference_page_is_made_from_the_commands() -> None:
    kept = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8")
    assert kept == page(), "`make pages` writes it anew"


def test_every_exit_code_is_on_the_reference_page() -> None:
    for code in Exit:
        assert f"| {code.value} | " in page()


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (["policy", "test"], "policy test"),
        (["trace"], "trace"),
        (["policy", "nonsense"], "policy"),
        (["trace", "a", "b"], "trace"),
    ],
)
def test_whoever_forgets_an_argument_is_led_to_the_help_of_that_very_command(
    words: list[str], path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == Exit.BAD_INPUT
    assert f"`cuga {path} --help` shows what would do." in capsys.readouterr().err


def test_paragraphs_of_the_help_end_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # read once in a process
    said = _apart("from cuga.cli.main import main; main(['approve', '--help'])")
    assert "it agrees to what waits at this moment; give `--digest` to agree only to what" in said
