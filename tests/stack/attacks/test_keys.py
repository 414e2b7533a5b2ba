"""Tokens that say by which key they are to be verified, where that lies, or what else a verifier should do."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from jwt.algorithms import RSAAlgorithm

from tests.chalicelib.admit.issuer import JwksServer, jwk
from tests.stack.attacks.forge import claims, header, own_key, segment, signed, token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud
    from tests.stack.attacks.gate import Gate

KEY_IDS: tuple[Any, ...] = (
    *("../../../../../../dev/null", "/dev/null", "/proc/sys/kernel/randomize_va_space", "..\\..\\NUL", "jwks.json"),
    *("file:///etc/passwd", "https://attacker.example/jwks.json", "//attacker.example", "data:,{}", "ldap://x/a"),
    *("x' UNION SELECT 'key' --", "' OR '1'='1", "1; DROP TABLE keys", '{"$ne": null}', "*", "%", "_", "[0]", ".*"),
    *("key\x00", "\x00", "key\r\nX-Injected: 1", "$(id)", "`id`", "|id", "${jndi:ldap://x/a}", "{{7*7}}", "%2e%2e%2f"),
    *("x" * 5000, "\u202e", "\U0001f511", "null", "None", "0", "__proto__", "constructor", "__class__", " "),
)


@pytest.mark.parametrize("key_id", KEY_IDS, ids=lambda value: ascii(value)[:40])
def test_a_key_id_is_a_name_and_nothing_else(gate: Gate, cloud: LiveCloud, key_id: str) -> None:
    gate.refuses(signed(cloud, header(cloud, kid=key_id), claims(cloud), key=own_key()), "unknown_key")


def test_a_known_key_id_is_not_found_by_what_is_like_it(gate: Gate, cloud: LiveCloud) -> None:
    known = cloud.signer.key_id
    for key_id in (
        known.swapcase(),
        known + " ",
        " " + known,
        known + "\0",
        known[:-1],
        known + "=",
        f"{known}\n",
        f"./{known}",
    ):
        gate.refuses(signed(cloud, header(cloud, kid=key_id), claims(cloud)), "unknown_key")


@pytest.mark.parametrize("key_id", [..., None, "", 0, 1, True, [], {}, ["{kid}"], {"kid": "{kid}"}], ids=ascii)
def test_without_a_key_id_that_is_text_there_is_no_key(gate: Gate, cloud: LiveCloud, key_id: Any) -> None:
    known = cloud.signer.key_id
    if isinstance(key_id, list | dict) and key_id:
        key_id = [known] if isinstance(key_id, list) else {"kid": known}

    gate.refuses(signed(cloud, header(cloud, kid=key_id), claims(cloud)), "unknown_key")


@pytest.fixture(scope="module")
def theirs() -> Iterator[JwksServer]:
    """The attacker's server, on this machine, where the functions could reach it: it counts who asks."""
    with JwksServer(jwk(own_key(), "theirs")) as running:
        yield running


BROUGHT = (
    *("jwk", "jwk as text", "jku", "jku within the issuer", "x5u", "x5c", "x5t", "url of an ACME server", "all"),
    "OpenID's",
)


def brought(server: JwksServer) -> dict[str, dict[str, Any]]:
    own = RSAAlgorithm.to_jwk(own_key().public_key(), as_dict=True)
    der = base64.b64encode(b"0\x82 no certificate, but who looks?").decode()
    return {
        "jwk": {"jwk": own},
        "jwk as text": {"jwk": str(own)},
        "jku": {"jku": server.url},
        "jku within the issuer": {"jku": f"{server.url}#http://127.0.0.1/cloakroom-issuer/jwks.json"},
        "x5u": {"x5u": server.url},
        "x5c": {"x5c": [der]},
        "x5t": {"x5t": "x" * 27, "x5t#S256": "x" * 43},
        "url of an ACME server": {"url": server.url, "nonce": "x"},
        "all": {"jwk": own, "jku": server.url, "x5u": server.url, "x5c": [der], "jwks": {"keys": [own]}},
        "OpenID's": {"jwks_uri": server.url, "issuer": server.url, "iss": server.url},
    }


@pytest.mark.parametrize("what", BROUGHT)
def test_a_key_that_the_token_brings_is_not_looked_at(
    gate: Gate, cloud: LiveCloud, theirs: JwksServer, what: str
) -> None:
    members = brought(theirs)[what]

    gate.refuses(signed(cloud, header(cloud, **members), claims(cloud), key=own_key()), "signature")
    gate.refuses(signed(cloud, header(cloud, kid="theirs", **members), claims(cloud), key=own_key()), "unknown_key")
    gate.refuses(signed(cloud, header(cloud, alg="none", **members), claims(cloud)), "algorithm")
    # It is not held against a good token either: some issuers send x5t with each.
    gate.admits(signed(cloud, header(cloud, **members), claims(cloud)))
    assert theirs.fetches == 0


def test_an_issuer_that_the_token_names_is_not_asked(gate: Gate, cloud: LiveCloud, theirs: JwksServer) -> None:
    issuer = theirs.url.removesuffix("/jwks.json")
    for named in (issuer, f"{issuer}/", theirs.url):
        own = claims(cloud, iss=named, jku=theirs.url, jwks_uri=theirs.url)
        gate.refuses(signed(cloud, header(cloud, kid="theirs"), own, key=own_key()), "issuer")
        gate.refuses(signed(cloud, header(cloud), own), "issuer")

    assert theirs.fetches == 0


@pytest.mark.parametrize(
    "members",
    [
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": True},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"crit": None},
        {"crit": "exp"},
        {"crit": ["alg"]},
        {"crit": ["http://example.com/UNDEFINED"], "http://example.com/UNDEFINED": True},
        {"b64": False},
        {"b64": True},
        {"b64": None},
    ],
    ids=str,
)
def test_what_a_reader_would_have_to_understand_is_refused(
    gate: Gate, cloud: LiveCloud, members: dict[str, Any]
) -> None:
    gate.refuses(signed(cloud, header(cloud, **members), claims(cloud)), "critical")


@pytest.mark.parametrize(
    "kind",
    ["logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "JWE", "id_token", "at+jwt ", "jwt\x00", "", None, 7, ["JWT"]],
    ids=ascii,
)
def test_a_token_of_another_kind_is_refused(gate: Gate, cloud: LiveCloud, kind: Any) -> None:
    gate.refuses(signed(cloud, header(cloud, typ=kind), claims(cloud)), "type")


def test_a_token_within_a_token_is_not_unpacked(gate: Gate, cloud: LiveCloud) -> None:
    inner = signed(cloud, header(cloud), claims(cloud))
    for payload in (inner, f'"{inner}"', f'["{inner}"]'):
        gate.refuses(signed(cloud, header(cloud, cty="JWT"), payload), "malformed")
        gate.refuses(signed(cloud, header(cloud), payload), "malformed")
    gate.refuses(signed(cloud, header(cloud, cty="JWT"), {"jwt": inner}), "issuer")
    gate.refuses(signed(cloud, header(cloud, zip="DEF"), zlib.compress(str(claims(cloud)).encode())), "malformed")


def test_an_encrypted_token_is_no_bearer(gate: Gate, cloud: LiveCloud) -> None:
    inner = signed(cloud, header(cloud), claims(cloud))
    for head in ({"alg": "RSA-OAEP", "enc": "A256GCM", "cty": "JWT"}, {"alg": "dir", "enc": "A128CBC-HS256"}):
        five = ".".join((segment(head), segment(b"k" * 256), segment(b"i" * 12), segment(inner), segment(b"t" * 16)))
        gate.refuses(five, "malformed")
        gate.refuses(token(head, inner, b"t" * 16), "malformed")
