"""The operating system's own wall around a process, where Linux has one (Landlock, 5.13 and later; docs.kernel.org).

It holds against native code too: nothing outside one directory can be written, made or removed, no other program be
started, and from 6.7 on no TCP connection be made. It cannot be taken down, and what is started inherits it.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on every architecture
_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_EXECUTE, _WRITE_FILE, _REMOVE_DIR, _REMOVE_FILE = 1 << 0, 1 << 1, 1 << 4, 1 << 5
_MAKE = sum(1 << bit for bit in range(6, 13))  # device, directory, file, socket, pipe, block device, link
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # from versions 2 and 3 on
_BIND_TCP, _CONNECT_TCP = 1, 2  # from version 4 on
_BENEATH = struct.Struct("=Qi")  # what is allowed, below which open directory; the kernel wants it without a gap


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64))


def raise_wall(writable: str) -> bool:
    """Let this process write nowhere but in one directory, start nothing and connect nowhere; whether the system can.

    Called before there is a second thread: those that are made later inherit it.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)
    if version < 1:
        return False
    writes = _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE
    writes |= (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    rules = _Ruleset(files=_EXECUTE | writes, network=_BIND_TCP | _CONNECT_TCP if version >= 4 else 0)
    size = ctypes.sizeof(rules) if version >= 4 else ctypes.sizeof(ctypes.c_uint64)
    ruleset = libc.syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        is_up = all(
            _allow(libc, ruleset, path, rights) for path, rights in ((writable, writes), (os.devnull, _WRITE_FILE))
        )
        is_up = is_up and libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
        return is_up and libc.syscall(_RESTRICT, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> bool:
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _BENEATH.pack(rights, parent)
        return bool(libc.syscall(_ADD, ruleset, _PATH_BENEATH, rule, 0) == 0)
    finally:
        os.close(parent)
