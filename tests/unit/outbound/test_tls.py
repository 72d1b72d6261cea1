"""Encryption: the certificate must be trusted and be for the name that was asked, whatever address that name has."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from cuga.errors import Unreachable
from cuga.outbound import Egress, SafeClient

NAME = "crm.example"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for one name, signed by itself, and its key; made anew each time."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    here = tmp_path_factory.mktemp("tls")
    certificate, key = here / "certificate.pem", here / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={NAME}"]
    words += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return certificate, key


async def ask(pair: tuple[Path, Path], name: str, trusted: bool) -> tuple[object, list[bytes]]:
    """Ask a server of that certificate under a name that resolves to it: the answer or error, and what arrived."""
    certificate, key = pair
    arrived: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async def local(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    tls = ssl.create_default_context(cafile=str(certificate)) if trusted else None
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = SafeClient(Egress(inside=(f"{name}:{port}",)), resolver=local, tls=tls, attempts=1)
        try:
            return (await client.get(f"https://{name}:{port}/")).text(), arrived
        except Unreachable as error:
            return error, arrived


async def test_the_name_that_was_asked_is_the_one_that_is_checked_though_an_address_is_connected_to(pair):
    said, arrived = await ask(pair, NAME, trusted=True)
    assert said == "ok" and len(arrived) == 1


@pytest.mark.parametrize(("name", "trusted"), [("other.example", True), (NAME, False)])
async def test_another_name_or_a_certificate_nobody_trusts_gets_no_request(pair, name: str, trusted: bool):
    said, arrived = await ask(pair, name, trusted)
    assert isinstance(said, Unreachable) and "certificate" in str(said).lower()
    assert arrived == []
