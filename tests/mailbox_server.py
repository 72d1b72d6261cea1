"""A real mailbox server on loopback (pymap, in a process of its own), and a client of the tests' own to fill it."""

import contextlib
import imaplib
import itertools
import shutil
import socket
import subprocess
import sys
import time

import pytest

NUMBERS = itertools.count()
USER, PASSWORD = "sales@birch.example", "a secret with spaces & ünïcode"


class Server:
    """One mailbox server, with a folder of each test's own. `deliver` puts a mail there as a mail transfer agent
    would."""

    def __init__(self, port):
        self.port, self.folder, self.done = port, "", ""
        self._client = imaplib.IMAP4("127.0.0.1", port, 5)  # one for all: logging in is slow on purpose
        self._client.authenticate("PLAIN", lambda _: f"\0{USER}\0{PASSWORD}".encode())

    def begin(self, number):
        self.folder, self.done = f"Replies {number}", f"Done {number}"
        self.make(self.folder)
        self.make(self.done)

    def make(self, folder):
        with self.client() as client:
            assert client.create(f'"{folder}"')[0] == "OK"

    def drop(self, folder):
        with self.client() as client:
            assert client.delete(f'"{folder}"')[0] == "OK"

    @contextlib.contextmanager
    def client(self):
        try:
            yield self._client
        finally:
            self._client.select("INBOX", readonly=True)  # leaves what was looked at, and expunges nothing

    def deliver(self, subject, text="Sounds good, send me more.", sender="nora@firm.example", size=0):
        body = f"From: Nora <{sender}>\r\nTo: {USER}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@firm.example>\r\n"
        with self.client() as client:
            said = client.append(f'"{self.folder}"', None, None, (body + "\r\n" + text + "\r\n" + "x" * size).encode())
        assert said[0] == "OK"

    def flags(self, folder=""):
        """Subject -> flags of the messages that a folder holds."""
        with self.client() as client:
            client.select(f'"{folder or self.folder}"', readonly=True)
            _, found = client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        parts = [part for part in found if isinstance(part, tuple)]
        return {
            part[1].decode().split(":", 1)[1].strip(): {
                one.decode() for one in imaplib.ParseFlags(part[0]) if one != rb"\Recent"
            }
            for part in parts
        }


def _started(*options):
    pytest.importorskip("pymap")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        sys.executable,
        "-c",
        # it holds the task of a connection by nothing but a circle, which a collector may take away in the middle
        "import gc; gc.disable(); from pymap.main import main; main()",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        *options,
    ]
    process = subprocess.Popen(
        [*words, "dict", "--demo-user", USER, "--demo-password", PASSWORD],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        assert time.monotonic() < end and process.poll() is None, "the mailbox server did not start"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def one_mailbox_server():
    process, port = _started("--no-tls")
    try:
        yield Server(port)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def mailbox(one_mailbox_server):
    one_mailbox_server.begin(next(NUMBERS))
    return one_mailbox_server


@pytest.fixture
def certificate(tmp_path):
    """(certificate, key) of a machine called localhost, which nobody vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so there is no certificate to try with")
    key, made = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.fixture
def safe_mailbox(certificate):
    made, key = certificate
    process, port = _started("--cert", str(made), "--key", str(key))
    try:
        yield port, made
    finally:
        process.kill()
        process.wait()
