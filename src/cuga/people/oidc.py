"""Signing in at an OpenID provider: authorization code with PKCE, state and nonce; the token is checked here.

The provider says who somebody is; what they may do is in the house. Everything goes out through `outbound`.
Needs the extra `serve`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from cuga.clock import Clock
from cuga.errors import BadInput, CugaError, NotSignedIn, Unanswered
from cuga.outbound.client import SafeClient, Surroundings

ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
LASTS_S = 600.0  # how long somebody may take at the provider
MOST = 1_000  # people who are on their way at once
LEEWAY_S = 60  # how far the clocks of two machines may differ


@dataclass(frozen=True)
class Attempt:
    """Somebody who was sent to the provider and has not come back."""

    nonce: str
    verifier: str
    until: float
    proves: bool  # they were asked to prove who they are once more


@dataclass(frozen=True)
class Identity:
    """Who the provider says somebody is. `proved_at`: when they proved it there, as far as it says."""

    issuer: str
    subject: str
    names: tuple[str, ...]  # what they may be called here: a verified address
    proved_at: datetime | None
    proves: bool


class Provider:
    """One provider, as one client of it."""

    def __init__(self, issuer: str, client: str, secret: str, settings: Surroundings, clock: Clock) -> None:
        self.issuer = issuer.rstrip("/")
        self._client_id = client
        self._secret = secret
        self._clock = clock
        self._http = SafeClient.under(settings, plain=issuer.startswith("http://"))
        self._known: dict[str, Any] = {}
        self._attempts: dict[str, Attempt] = {}

    async def begin(self, redirect: str, *, proves: bool) -> tuple[str, str]:
        """Where to send somebody, and the state by which they are known when they come back."""
        known = await self._discovered()
        now = self._clock.now().timestamp()
        self._attempts = {state: one for state, one in self._attempts.items() if one.until > now}
        while len(self._attempts) >= MOST:
            self._attempts.pop(next(iter(self._attempts)))
        state, attempt = secrets.token_urlsafe(24), _attempt(now, proves)
        self._attempts[state] = attempt
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect,
            "scope": "openid email profile",
            "state": state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        if proves:
            asked |= {"prompt": "login", "max_age": "0"}
        return f"{known['authorization_endpoint']}?{urlencode(asked)}", state

    async def finish(self, state: str, code: str, redirect: str) -> Identity:
        """Who has come back; `NotSignedIn` when anything about it does not fit."""
        attempt = self._attempts.pop(state, None)
        if attempt is None or attempt.until <= self._clock.now().timestamp():
            raise NotSignedIn("this way in was used or is too old", mend="Begin again.")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "client_id": self._client_id,
            "code_verifier": attempt.verifier,
        }
        if self._secret:
            form["client_secret"] = self._secret
        try:
            answer = await self._http.post(
                (await self._discovered())["token_endpoint"],
                body=urlencode(form).encode(),
                headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
            )
            token = answer.json()["id_token"]
        except (CugaError, KeyError, TypeError) as error:
            raise NotSignedIn(f"{self.issuer} gave no token") from error
        return await self._read(str(token), attempt)

    async def _read(self, token: str, attempt: Attempt) -> Identity:
        import jwt

        try:
            claims = jwt.decode(
                token,
                key=await self._key(jwt.get_unverified_header(token)),
                algorithms=list(ALGORITHMS),
                audience=self._client_id,
                issuer=(await self._discovered())["issuer"],
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_exp": False, "verify_iat": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise NotSignedIn(f"the token of {self.issuer} does not hold: {error}") from error
        now = self._clock.now().timestamp()
        if not isinstance(claims["exp"], (int, float)) or claims["exp"] + LEEWAY_S < now:
            raise NotSignedIn(f"the token of {self.issuer} is over")
        if not secrets.compare_digest(str(claims.get("nonce", "")), attempt.nonce):
            raise NotSignedIn(f"the token of {self.issuer} was made for somebody else")
        if claims.get("azp", self._client_id) != self._client_id:
            raise NotSignedIn(f"the token of {self.issuer} was made for another client")
        proved = claims.get("auth_time")
        return Identity(
            issuer=self.issuer,
            subject=str(claims["sub"]),
            names=_names(claims),
            proved_at=datetime.fromtimestamp(proved, UTC) if isinstance(proved, (int, float)) else None,
            proves=attempt.proves,
        )

    async def _key(self, header: dict[str, Any]) -> Any:
        import jwt

        for fresh in (False, True):  # a key that nobody knows may be a new one
            for one in (await self._keys(fresh=fresh)).get("keys", []):
                if one.get("kid") == header.get("kid") and one.get("use", "sig") == "sig":
                    return jwt.PyJWK(one, algorithm=header.get("alg") if header.get("alg") in ALGORITHMS else None)
        raise NotSignedIn(f"{self.issuer} has no key {header.get('kid')!r}")

    async def _keys(self, *, fresh: bool) -> dict[str, Any]:
        if fresh or "keys" not in self._known:
            self._known["keys"] = (await self._http.get((await self._discovered())["jwks_uri"])).json()
        return dict(self._known["keys"])

    async def _discovered(self) -> dict[str, Any]:
        if "discovered" not in self._known:
            try:
                found = (await self._http.get(f"{self.issuer}/.well-known/openid-configuration")).json()
                ends = {name: str(found[name]) for name in _ENDS}
            except (KeyError, TypeError) as error:
                raise Unanswered(f"{self.issuer} is no OpenID provider") from error
            if ends["issuer"].rstrip("/") != self.issuer:
                raise BadInput(f"{self.issuer} calls itself {ends['issuer']}", mend="Set CUGA_OIDC_ISSUER to that.")
            self._known["discovered"] = ends
        return dict(self._known["discovered"])


_ENDS = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


def _attempt(now: float, proves: bool) -> Attempt:
    return Attempt(secrets.token_urlsafe(24), secrets.token_urlsafe(48), now + LASTS_S, proves)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _names(claims: dict[str, Any]) -> tuple[str, ...]:
    email = claims.get("email") if claims.get("email_verified") is True else None
    # a verified address only: what people may choose themselves there would let them choose who they are here
    return (email,) if isinstance(email, str) and email else ()
