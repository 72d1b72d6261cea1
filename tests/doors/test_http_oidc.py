"""Signing in at an OpenID provider: a small one on this machine, that can also lie in every way that matters."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.doors.http_house import PASSWORD, Client, Served, house, problem

from cuga.people.oidc import Provider
from cuga.settings import Settings

KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class Idp:
    """The provider. `claims` are what it says; `lies` change how it says it."""

    def __init__(self) -> None:
        self.issuer = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.claims: dict[str, Any] = {"sub": "u-1", "email": "bob", "email_verified": True}
        self.changed: dict[str, Any] = {}
        self.key, self.headers = KEY, {"kid": "k1"}
        self.algorithm = "RS256"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        length = next((int(line[15:]) for line in head if line.lower().startswith("content-length:")), 0)
        body = self.answer(head[0].split()[1], (await reader.readexactly(length)).decode())
        text = json.dumps(body).encode()
        status = b"200 ok" if "error" not in body else b"400 no"
        writer.write(
            b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
            % (status, len(text), text)
        )
        await writer.drain()
        writer.close()

    def answer(self, path: str, form: str) -> dict[str, Any]:
        if path.startswith("/.well-known"):
            ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            return {"issuer": self.issuer, **{name: f"{self.issuer}/{end}" for name, end in ends.items()}}
        if path == "/keys":
            return {
                "keys": [
                    {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "k1", "use": "sig"}
                ]
            }
        said = {name: values[0] for name, values in parse_qs(form).items()}
        asked = self.codes.pop(said["code"], None)
        from cuga.people.oidc import _challenge

        if asked is None or _challenge(said["code_verifier"]) != asked["code_challenge"]:
            return {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": asked["client_id"], "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "auth_time": now, **self.claims, **self.changed,
        }  # fmt: skip
        return {"id_token": jwt.encode(claims, self.key, self.algorithm, headers=self.headers)}

    def visit(self, url: str) -> str:
        """A person signs in there; the code they are sent back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}-{asked['state'][:6]}"
        self.codes[code] = asked
        return code


@contextlib.asynccontextmanager
async def provided() -> AsyncIterator[tuple[Served, Idp]]:
    idp = Idp()
    server = await asyncio.start_server(idp.serve, "127.0.0.1", 0)
    idp.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    settings = Settings(inside=("127.0.0.1",), variables={})
    async with server, house(settings=settings) as opened:
        clock = opened.front._assembly.clock
        opened.doors.oidc = Provider(idp.issuer, "cuga", "s3cret", settings, clock)
        yield opened, idp


@pytest.fixture
async def both() -> AsyncIterator[tuple[Served, Idp]]:
    async with provided() as found:
        yield found


async def come_in(opened: Served, idp: Idp, client: Client | None = None, **more: Any) -> tuple[Client, Any]:
    browser = client or opened.nobody()
    away = await browser.get("/api/login/oidc", **more)
    assert away.status_code == 302, away.text
    code = idp.visit(away.headers["location"])
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    return browser, await browser.get("/api/login/oidc/callback", state=state, code=code)


async def test_somebody_of_the_house_comes_in_and_is_known_by_their_account_from_then_on(both):
    opened, idp = both
    assert (await opened.nobody().get("/api/login/ways")).json()["oidc"]
    browser, back = await come_in(opened, idp)
    assert (back.status_code, back.headers["location"]) == (302, "/")
    me = (await browser.get("/api/me")).json()
    assert (me["user"], me["way"], me["roles"]) == ("bob", "oidc", ["approver"])
    idp.claims = {"sub": "u-1", "email": "another@example.com", "email_verified": True}
    browser, _ = await come_in(opened, idp)
    assert (await browser.get("/api/me")).json()["user"] == "bob"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "another"}, "does not hold"), ({"iss": "http://evil"}, "does not hold"), ({"exp": 1}, "is over"),
        ({"nonce": "another"}, "somebody else"), ({"azp": "another"}, "another client"),
        ({"sub": None}, "does not hold"), ({"email": "stranger@example.com"}, "nobody of this house"),
        ({"email_verified": False}, "nobody of this house"),
        ({"email": "x@example.com", "preferred_username": "eve", "name": "eve"}, "nobody of this house"),
    ],
)  # fmt: skip
async def test_a_token_that_does_not_fit_lets_nobody_in(both, changed, why):
    opened, idp = both
    idp.changed = changed
    browser, back = await come_in(opened, idp)
    told = problem(back)
    assert (told["code"], why in told["detail"]) == ("not_signed_in", True), told
    assert (await browser.get("/api/me")).status_code == 401


@pytest.mark.parametrize("lie", ["another key", "unknown key", "no signature", "a shared secret"])
async def test_a_signature_that_is_not_the_providers_lets_nobody_in(both, lie):
    opened, idp = both
    match lie:
        case "another key":
            idp.key = OTHER
        case "unknown key":
            idp.headers = {"kid": "k9"}
        case "no signature":
            idp.key, idp.algorithm = None, "none"
        case _:
            idp.key, idp.algorithm = "s3cret" * 8, "HS256"
    _, back = await come_in(opened, idp)
    assert problem(back)["code"] == "not_signed_in"


async def test_coming_back_works_once_and_only_in_the_browser_that_went(both):
    opened, idp = both
    browser = opened.nobody()
    away = await browser.get("/api/login/oidc")
    code = idp.visit(away.headers["location"])
    state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
    assert problem(await opened.nobody().get("/api/login/oidc/callback", state=state, code=code))["status"] == 401
    assert (await browser.get("/api/login/oidc/callback", state=state, code=code)).status_code == 302
    again = await browser.http.get(
        "/api/login/oidc/callback", params={"state": state, "code": code}, headers={"Cookie": f"cuga_oidc={state}"}
    )
    assert problem(again)["code"] == "not_signed_in"


async def test_a_decision_of_high_risk_takes_a_proof_that_the_provider_says_is_fresh(both):
    opened, idp = both
    run = await opened.browser("ann").run(("post", {"to": "x"}))
    idp.changed = {"auth_time": int(time.time()) - 3600}
    browser, _ = await come_in(opened, idp)
    card = await browser.card(run["run_id"])
    path, yes = f"/api/approvals/{card['approval_id']}", {"verdict": "approve", "digest": card["digest"]}
    assert problem(await browser.post(path, yes))["code"] == "step_up_needed"
    idp.changed = {}
    away = (await browser.get("/api/login/oidc", step_up=True)).headers["location"]
    assert "prompt=login" in away and "max_age=0" in away
    browser, _ = await come_in(opened, idp, browser, step_up=True)
    assert (await browser.post(path, yes)).status_code == 200


async def test_a_first_password_is_no_proof_of_who_sets_it(both):
    opened, idp = both
    run = await opened.browser("ann").run(("post", {"to": "x"}))
    idp.changed = {"auth_time": int(time.time()) - 3600}
    browser, _ = await come_in(opened, idp)
    first = await browser.post("/api/me/password", {"password": PASSWORD})
    assert problem(first)["code"] == "step_up_needed"
    card = await browser.card(run["run_id"])
    path, yes = f"/api/approvals/{card['approval_id']}", {"verdict": "approve", "digest": card["digest"]}
    assert problem(await browser.post(path, yes))["code"] == "step_up_needed"
    assert opened.world.effects == []
    idp.changed = {}
    browser, _ = await come_in(opened, idp, browser, step_up=True)
    assert (await browser.post("/api/me/password", {"password": PASSWORD})).status_code == 204


async def test_without_a_provider_there_is_no_such_way():
    async with house() as opened:
        assert not (await opened.nobody().get("/api/login/ways")).json()["oidc"]
        assert problem(await opened.nobody().get("/api/login/oidc"))["status"] == 404
