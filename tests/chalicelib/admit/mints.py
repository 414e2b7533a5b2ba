"""Four independent libraries that make tokens, and their own verdict on one by a policy that is ours."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwcrypto.common
import jwcrypto.jwk
import jwcrypto.jwt
import jwt

from devtool.testing import require_program
from devtool.workspace import PROJECT
from tests.npm import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

ALGORITHMS = ["RS256", "ES256"]
LEEWAY = 5
SOURCE = PROJECT / "tests" / "jose"
SCRIPT = "mint.mjs"

Members = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a token must be: signed by one of these keys, of this issuer, for this audience; expiring, of somebody."""

    keys: Members
    issuer: str
    audience: str


class Mint(Protocol):
    """A library."""

    def mint(self, header: Members, claims: Members, key: Members) -> str:
        """Sign claims by a private JWK (none of it for the algorithm `none`)."""

    def accepts(self, token: str, terms: Terms) -> bool:
        """Say whether the library itself lets a token pass."""


class PyJwt:
    def mint(self, header: Members, claims: Members, key: Members) -> str:
        rest = {name: value for name, value in header.items() if name != "alg"}
        secret = "" if header["alg"] == "none" else jwt.PyJWK(key, header["alg"])
        return jwt.encode(claims, secret, algorithm=header["alg"], headers=rest)

    def accepts(self, token: str, terms: Terms) -> bool:
        try:
            key = jwt.PyJWKSet.from_dict(terms.keys)[jwt.get_unverified_header(token)["kid"]]
            jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=terms.audience,
                issuer=terms.issuer,
                leeway=LEEWAY,
                options={"require": ["exp", "sub"]},
            )
        except (jwt.PyJWTError, KeyError):
            return False
        return True


class Joserfc:
    def mint(self, header: Members, claims: Members, key: Members) -> str:
        loaded = joserfc.jwk.import_key({"kty": "oct", "k": ""} if header["alg"] == "none" else key)
        return joserfc.jwt.encode(header, claims, loaded, algorithms=[header["alg"]])

    def accepts(self, token: str, terms: Terms) -> bool:
        registry = joserfc.jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": terms.issuer},
            aud={"essential": True, "value": terms.audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            keys = joserfc.jwk.KeySet.import_key_set(terms.keys)
            registry.validate(joserfc.jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
        except (joserfc.errors.JoseError, ValueError):
            return False
        return True


class Jwcrypto:
    def mint(self, header: Members, claims: Members, key: Members) -> str:
        token = jwcrypto.jwt.JWT(header=header, claims=claims, algs=[header["alg"]])
        token.make_signed_token(jwcrypto.jwk.JWK(**key))
        return str(token.serialize())

    def accepts(self, token: str, terms: Terms) -> bool:
        wanted = {"iss": terms.issuer, "aud": terms.audience, "exp": None, "sub": None}
        try:
            for checked in (wanted, None):  # with claims of one's own to check, it leaves out `nbf`
                judged = jwcrypto.jwt.JWT(algs=ALGORITHMS, check_claims=checked, expected_type="JWS")
                judged.leeway = LEEWAY
                judged.deserialize(token, jwcrypto.jwk.JWKSet.from_json(json.dumps(terms.keys)))
        except (jwcrypto.common.JWException, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Jose:
    """npm's jose, in a process of its own."""

    asked: IO[str]
    answers: IO[str]

    def mint(self, header: Members, claims: Members, key: Members) -> str:
        return str(self._ask(do="mint", header=header, claims=claims, key=key)["token"])

    def accepts(self, token: str, terms: Terms) -> bool:
        found = self._ask(do="judge", token=token, keys=terms.keys, issuer=terms.issuer, audience=terms.audience)
        return bool(found["verdict"] == "good")

    def _ask(self, **request: object) -> Members:
        self.asked.write(json.dumps(request) + "\n")
        self.asked.flush()
        line = self.answers.readline()
        assert line, "node ended: what it was asked for is none of jose's"
        found: Members = json.loads(line)
        return found


@contextmanager
def jose() -> Iterator[Jose]:
    """Start one and end it; it ends by itself with whoever started it."""
    folder = installed(SOURCE, SCRIPT)
    command = [require_program("node"), str(folder / SCRIPT)]
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Jose(process.stdin, process.stdout)
        finally:
            process.kill()
