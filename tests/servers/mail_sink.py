"""A real mail server (aiosmtpd) on loopback that keeps what it takes, and refuses, drops or hangs when told to."""

from __future__ import annotations

import asyncio
import ssl
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "sales", "s3cret word"


class Sink:
    """Use with `with`. `at` says what happens: word -> reply, or "drop". `taken` are the mails as they arrived.

    Words: mail, rcpt, data (after the last line, before it is kept), kept (after it is kept: the answer is lost).
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, starttls: bool = False, login: bool = False) -> None:
        self.at: dict[str, str] = {}
        self.taken: list[bytes] = []
        self.said: list[str] = []
        self.encrypted: list[bool] = []
        how: dict[str, Any] = {}
        if tls is not None and starttls:
            how["tls_context"] = tls
        if login:
            how |= {"authenticator": self._known, "auth_required": True}
        self._how, self._tls = how, None if starttls else tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Sink:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self) -> asyncio.Server:
        def one() -> SMTP:
            return SMTP(self, hostname="sink.example", loop=self._loop, **self._how)

        return await self._loop.create_server(one, "127.0.0.1", 0, ssl=self._tls)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def mails(self) -> list[EmailMessage]:
        """What was taken, as a reader reads it."""
        return [message_from_bytes(one, _class=EmailMessage, policy=default) for one in self.taken]  # type: ignore[misc]

    @staticmethod
    def _known(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)

    async def handle_MAIL(self, server: SMTP, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        envelope.mail_from = address
        return self._answer("mail", server)

    async def handle_RCPT(self, server: SMTP, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        envelope.rcpt_tos.append(address)
        return self._answer("rcpt", server)

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Any) -> str:
        answer = self._answer("data", server)
        if answer.startswith("250"):
            self.taken.append(envelope.content)
            assert server.transport is not None
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
            if self.at.get("kept") == "hang":
                await asyncio.sleep(30)
            answer = self._answer("kept", server)
        return answer

    def _answer(self, word: str, server: SMTP) -> str:
        self.said.append(word)
        answer = self.at.get(word, "250 fine")
        if answer == "drop":
            assert server.transport is not None
            server.transport.abort()  # type: ignore[attr-defined]
        return answer
