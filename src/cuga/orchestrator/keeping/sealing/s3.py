"""S3, and what speaks like it, over `obstore`. Needs the extra `s3`.

Where requests go is checked here against what may be reached, as everywhere: the library connects by itself. Keys are
read from the settings; those of a machine's role only where its metadata address is named as inside.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from cuga.errors import BadInput
from cuga.outbound import Egress
from cuga.outbound.addresses import resolve
from cuga.settings import Settings

T = TypeVar("T")
TRY_S = 4.0  # of one request, and of all of one call together
METADATA = "169.254.169.254"
_ROLES = ("AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
          "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")  # fmt: skip
_CODE = re.compile(r"<Code>(\w+)</Code>")
_WORDS = {
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "access is denied",
    "InvalidAccessKeyId": "the access key is unknown",
    "SignatureDoesNotMatch": "the secret key is another one",
}


class S3:
    """Objects below a prefix of a bucket."""

    def __init__(self, bucket: str, prefix: str, settings: Settings) -> None:
        said = settings.variables
        region = said.get("AWS_REGION") or said.get("AWS_DEFAULT_REGION") or "us-east-1"
        endpoint = said.get("AWS_ENDPOINT_URL_S3") or said.get("AWS_ENDPOINT_URL") or ""
        self._address = urlsplit(endpoint or f"https://s3.{region}.amazonaws.com")
        if self._address.scheme not in ("https", "http") or not self._address.hostname:
            raise BadInput("AWS_ENDPOINT_URL is no address of an object store", mend="It begins with https://.")
        named = {self._address.hostname, self._address.netloc}
        is_plain = self._address.scheme == "http" and not named.isdisjoint(settings.inside)
        self._egress = Egress(hosts=(self._address.hostname,), inside=settings.inside, plain=is_plain)
        self._has_proxy = bool(settings.proxy)
        self._has_keys = any(said.get(name) for name in _ROLES) or METADATA in settings.inside
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        config: dict[str, Any] = {name.lower(): said[name] for name in names if said.get(name)}
        config |= {"aws_region": region, "checksum_algorithm": "sha256"}  # object lock asks for one
        if endpoint:
            config["aws_endpoint"] = endpoint
        self._store = S3Store(
            bucket,
            prefix=prefix or None,
            config=config,  # type: ignore[arg-type]
            client_options=self._options(is_plain, settings.proxy),  # type: ignore[arg-type]
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=TRY_S)},
        )

    async def put_new(self, name: str, body: bytes) -> bool:
        try:
            await self._ask(obstore.put_async(self._store, name, body, mode="create"))
        except AlreadyExistsError:
            return False
        return True

    async def first(self, pattern: re.Pattern[str]) -> str:
        return await self._ask(self._first(pattern))

    async def get(self, name: str) -> bytes:
        return await self._ask(self._get(name))

    async def _first(self, pattern: re.Pattern[str]) -> str:
        async for page in obstore.list(self._store):
            found = min((one["path"] for one in page if pattern.fullmatch(one["path"])), default="")
            if found:
                return found
        return ""

    async def _get(self, name: str) -> bytes:
        found = await obstore.get_async(self._store, name)
        return bytes(await found.bytes_async())

    async def _ask(self, asked: Awaitable[T]) -> T:
        """What is asked, once it may be; what the library raises in words for a person."""
        try:
            await self._must_be_allowed()
        except BaseException:
            if hasattr(asked, "close"):
                asked.close()  # it was not begun
            raise
        try:
            return await asked
        except AlreadyExistsError:
            raise
        except (BaseError, OSError) as error:
            raise OSError(_said(str(error))) from error

    async def _must_be_allowed(self) -> None:
        if not self._has_keys:
            raise OSError(f"no AWS_ACCESS_KEY_ID is set; for the role of this machine name {METADATA} in CUGA_INSIDE")
        host, scheme = self._address.hostname or "", self._address.scheme
        port = self._address.port or (443 if scheme == "https" else 80)
        self._egress.check_name(scheme, host, port)
        if not self._has_proxy:
            for address in await resolve(host, port):
                self._egress.check_address(host, port, address)

    @staticmethod
    def _options(is_plain: bool, proxy: str) -> Mapping[str, object]:
        seconds = timedelta(seconds=TRY_S)
        options: dict[str, object] = {"allow_http": is_plain, "timeout": seconds, "connect_timeout": seconds}
        return {**options, "proxy_url": proxy} if proxy else options


def _said(words: str) -> str:
    """The reason, without the library's own account of how it came to it."""
    if code := _CODE.search(words):
        return f"{_WORDS.get(code[1], 'the store refused')} ({code[1]})"
    reason = words.partition("Debug source")[0].strip().splitlines()
    return reason[0][:200] if reason else "it cannot be reached"
