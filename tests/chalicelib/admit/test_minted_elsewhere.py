"""One table of tokens, minted by four independent libraries: each is taken or refused alike, whoever made it."""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from chalicelib.admit import jwks
from chalicelib.admit.bearer import Caller, Refused, Verifier
from tests.chalicelib.admit.issuer import AUDIENCE, ISSUER, an_issuer, ec_key, jwk, rsa_key
from tests.chalicelib.admit.mints import Joserfc, Jwcrypto, Mint, PyJwt, Terms, jose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt import PyJWK

LIBRARIES = ("PyJWT", "joserfc", "jwcrypto", "jose")
GOOD = "good"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A token, what we say of it, and whether a library with the same terms says so, too."""

    verdict: str
    claims: dict[str, Any] = field(default_factory=dict)
    """Changes; a number is added to the time that it is, `...` takes a claim away."""
    header: dict[str, Any] = field(default_factory=dict)
    key: str = "rsa"
    ours_alone: bool = False
    """We refuse what standards let pass, or leave to whoever reads a token."""


CASES = {
    "by RS256": Case(verdict=GOOD),
    "by ES256": Case(verdict=GOOD, key="ec"),
    "an access token by its type": Case(verdict=GOOD, header={"typ": "at+jwt"}),
    "with several audiences": Case(verdict=GOOD, claims={"aud": ["https://other.example", AUDIENCE]}),
    "with all that is optional": Case(verdict=GOOD, claims={"nbf": -1, "iat": -1, "jti": "t1", "azp": "spa"}),
    "without what is optional": Case(verdict=GOOD, claims={"iat": ...}),
    "of somebody beyond ASCII": Case(verdict=GOOD, claims={"sub": "J\u00e9r\u00f4me \u738b"}),
    "with an object inside": Case(verdict=GOOD, claims={"https://x.example/": {"a": [1, None, True, 1.5, "\u20ac"]}}),
    "expired": Case(verdict="expired", claims={"exp": -60}),
    "not yet valid": Case(verdict="not_yet_valid", claims={"nbf": 60}),
    "without expiry": Case(verdict="claims", claims={"exp": ...}),
    "of nobody": Case(verdict="claims", claims={"sub": ...}),
    "of another issuer": Case(verdict="issuer", claims={"iss": "https://issuer.example"}),
    "of no issuer": Case(verdict="issuer", claims={"iss": ...}),
    "for another audience": Case(verdict="audience", claims={"aud": AUDIENCE + "/"}),
    "for other audiences": Case(verdict="audience", claims={"aud": ["https://other.example"]}),
    "for no audience": Case(verdict="audience", claims={"aud": ...}),
    "by another key of a known id": Case(verdict="signature", key="other rsa", header={"kid": "rsa"}),
    "by another curve key of a known id": Case(verdict="signature", key="other ec", header={"kid": "ec"}),
    "of an unknown key": Case(verdict="unknown_key", key="other rsa"),
    "by RS512": Case(verdict="algorithm", header={"alg": "RS512"}),
    "by PS256": Case(verdict="algorithm", header={"alg": "PS256"}),
    "by ES384": Case(verdict="algorithm", header={"alg": "ES384"}, key="p384"),
    "by HS256 with what everybody knows": Case(verdict="algorithm", header={"alg": "HS256", "kid": "rsa"}, key="hmac"),
    "by HS512 with what everybody knows": Case(verdict="algorithm", header={"alg": "HS512", "kid": "rsa"}, key="hmac"),
    "by ES256 under an RSA key's id": Case(verdict="algorithm", key="ec", header={"kid": "rsa"}),
    "by RS256 under a curve key's id": Case(verdict="algorithm", key="rsa", header={"kid": "ec"}),
    "good for years": Case(verdict="lifetime", claims={"exp": 400 * 86_400}, ours_alone=True),
    "issued to come": Case(verdict="not_yet_valid", claims={"iat": 3600}, ours_alone=True),
    "with an empty token id": Case(verdict="claims", claims={"jti": ""}, ours_alone=True),
    "a logout token": Case(verdict="type", header={"typ": "logout+jwt"}, ours_alone=True),
    "with groups of no form": Case(verdict="claims", claims={"groups": {"admin": True}}, ours_alone=True),
    "of more than 8 KB": Case(verdict="too_large", claims={"padding": "x" * 7000}, ours_alone=True),
}


@functools.cache
def private(name: str) -> dict[str, Any]:
    """Return a private JWK, with its name as its id."""
    curve = ec_key("p384", ec.SECP384R1) if name == "p384" else ec_key(name)
    if name == "hmac":
        made = {"kty": "oct", "k": jwk(rsa_key("rsa"), "rsa")["n"]}
    elif name.endswith("rsa"):
        made = RSAAlgorithm.to_jwk(rsa_key(name), as_dict=True)
    else:
        made = ECAlgorithm.to_jwk(curve, as_dict=True)
    made.pop("key_ops", None)
    return {**made, "kid": name}


@pytest.fixture(scope="module")
def libraries() -> Iterator[dict[str, Mint]]:
    with jose() as started:
        yield {"PyJWT": PyJwt(), "joserfc": Joserfc(), "jwcrypto": Jwcrypto(), "jose": started}


@pytest.fixture(scope="module")
def terms() -> Terms:
    keys = [jwk(rsa_key("rsa"), "rsa", alg="RS256"), jwk(ec_key("ec"), "ec", alg="ES256")]
    return Terms(keys={"keys": keys}, issuer=ISSUER, audience=AUDIENCE)


@dataclass(frozen=True)
class KeysOf:
    by_id: dict[str, PyJWK]

    def key(self, key_id: str) -> PyJWK | None:
        return self.by_id.get(key_id)


def ours(token: str, terms: Terms) -> str:
    keys = KeysOf(jwks.parse(json.dumps(terms.keys).encode()))
    issuer = an_issuer(name=terms.issuer, audiences=(terms.audience,))
    found = Verifier(issuer=issuer, jwks=keys, clock=time.time).verify(f"Bearer {token}")
    return found.code if isinstance(found, Refused) else GOOD


def minted(library: Mint, case: Case) -> str:
    now = int(time.time())
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|jane", "iat": 0, "exp": 600, "groups": ["admin"]}
    moved = {name: value for name, value in {**usual, **case.claims}.items() if value is not ...}
    claims = {name: now + value if name in ("exp", "nbf", "iat") else value for name, value in moved.items()}
    algorithm = "RS256" if case.key.endswith("rsa") else "ES256"
    return library.mint({"alg": algorithm, "kid": case.key, **case.header}, claims, private(case.key))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_token_is_taken_or_refused_alike_whoever_made_it(
    libraries: dict[str, Mint], terms: Terms, library: str, name: str
) -> None:
    case = CASES[name]
    token = minted(libraries[library], case)

    assert ours(token, terms) == case.verdict
    # Each library judges each other's tokens: where the standards decide, nobody is alone with a verdict.
    expected = case.verdict == GOOD or case.ours_alone
    verdicts = {judge: asked.accepts(token, terms) for judge, asked in libraries.items()}
    exceptions = {judge for judge, verdict in verdicts.items() if verdict != expected}
    if case.ours_alone:
        assert exceptions < set(LIBRARIES), "every library refuses it, too: the table says that we alone do"
    else:
        assert not exceptions, verdicts


@pytest.mark.parametrize("library", ["PyJWT", "jose"])
def test_a_token_without_a_signature_is_refused_whoever_made_it(
    libraries: dict[str, Mint], terms: Terms, library: str
) -> None:
    # The two others make none.
    token = minted(libraries[library], Case(verdict="", header={"alg": "none"}))

    assert token.endswith(".")
    assert ours(token, terms) == "malformed"
    assert ours(token + "AA", terms) == "algorithm"
    assert not any(judge.accepts(token, terms) for judge in libraries.values())


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_a_token_is_of_is_read_alike_whoever_made_it(
    libraries: dict[str, Mint], terms: Terms, library: str
) -> None:
    token = minted(
        libraries[library], Case(verdict=GOOD, claims={"jti": "t1", "azp": "spa", "groups": "producer admin"})
    )
    keys = KeysOf(jwks.parse(json.dumps(terms.keys).encode()))
    verifier = Verifier(issuer=an_issuer(), jwks=keys, clock=time.time)

    found = verifier.verify(f"Bearer {token}")

    assert isinstance(found, Caller)
    assert (found.principal, found.client, found.token_id) == ("auth0|jane", "spa", "t1")
    assert found.groups == ("producer", "admin")
