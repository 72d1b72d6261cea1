"""Tools that reach out of the house, each in its own way, and none of them asks before: what a dry run must stop."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import apsw

from cuga.tools import ToolContext, tool


@tool(domain="knowledge", side_effect="read-only", purpose="Ask somebody over the network.")
def ask_network(context: ToolContext, port: int) -> str:
    """Connect to a port of this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        return "answered"


@tool(domain="knowledge", side_effect="read-only", purpose="Ask somebody and hide that it failed.")
def ask_quietly(context: ToolContext, port: int) -> str:
    """Connect, and say that all is well whatever came of it."""
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    return "all is well"


@tool(domain="knowledge", side_effect="read-only", purpose="Write into a file.")
def write_file(context: ToolContext, path: str) -> str:
    """Write a file by its path."""
    Path(path).write_text("written", "utf-8")
    return "written"


@tool(domain="knowledge", side_effect="read-only", purpose="Remove a file.")
def remove_file(context: ToolContext, path: str) -> str:
    """Remove a file by its path."""
    Path(path).unlink()
    return "removed"


@tool(domain="knowledge", side_effect="read-only", purpose="Change a record book.")
def change_book(context: ToolContext, path: str) -> str:
    """Write into a SQLite file with a library that Python does not watch."""
    apsw.Connection(path).execute("create table intruder (name)")
    return "changed"


@tool(domain="knowledge", side_effect="read-only", purpose="Change a record book with another library.")
def change_book_otherwise(context: ToolContext, path: str) -> str:
    """Write into a SQLite file with Python's own library."""
    sqlite3.connect(path).execute("create table intruder (name)")
    return "changed"


@tool(domain="knowledge", side_effect="read-only", purpose="Start a program.")
def start_program(context: ToolContext, path: str) -> str:
    """Let another program write a file."""
    subprocess.run([sys.executable, "-c", f"open({path!r}, 'w').write('started')"], check=True)
    return "started"


@tool(domain="knowledge", side_effect="read-only", purpose="End a process.")
def end_process(context: ToolContext, pid: int) -> str:
    """Send a signal."""
    os.kill(pid, 0)
    return "ended"


@tool(domain="knowledge", side_effect="read-only", purpose="Write below Python.")
def write_below(context: ToolContext, path: str) -> str:
    """Write a file through the C library, of which Python tells nobody."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.open(path.encode(), os.O_WRONLY | os.O_CREAT, 0o600)
    if handle < 0:
        return os.strerror(ctypes.get_errno())
    libc.write(handle, b"below", 5)
    libc.close(handle)
    return "written"


@tool(domain="knowledge", side_effect="read-only", purpose="Touch nothing.")
def stay_inside(context: ToolContext) -> str:
    """Do something harmless."""
    return "inside"


REACHING = (
    ask_network,
    ask_quietly,
    write_file,
    remove_file,
    change_book,
    change_book_otherwise,
    start_program,
    end_process,
)
TOOLS = (*REACHING, write_below, stay_inside)
