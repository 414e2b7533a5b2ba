"""Good tokens, written otherwise: in other bytes, too many of them, or in another place of the request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.stack.attacks.forge import claims, header, segment, signed, signed_text
from tests.stack.attacks.gate import DOOR

if TYPE_CHECKING:
    from devtool.testing import LiveCloud
    from tests.stack.attacks.gate import Gate

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
UNAUTHORIZED = {"type": "about:blank", "title": "Unauthorized", "status": 401, "code": "unauthorized"}


def beside(part: str) -> str:
    """Return another spelling of the same bytes: the bits behind the last of them are not zero."""
    assert len(part) % 4
    return part[:-1] + ALPHABET[ALPHABET.index(part[-1]) + 1]


def good(cloud: LiveCloud) -> str:
    return signed(cloud, header(cloud), claims(cloud))


def of_length(cloud: LiveCloud, rest: int) -> str:
    """Return a payload whose length leaves this rest when divided by 3: base64 has bits to spare for 1 and 2."""
    text = json.dumps(claims(cloud))
    return text + " " * ((rest - len(text)) % 3)


def test_a_token_has_one_spelling(gate: Gate, cloud: LiveCloud) -> None:
    head, payload, signature = good(cloud).split(".")
    key = cloud.signer.key

    gate.refuses(f"{head}.{payload}.{beside(signature)}", "malformed")
    for rest in (1, 2):
        odd = beside(segment(of_length(cloud, rest)))
        gate.refuses(signed_text(f"{head}.{odd}", key), "malformed")
        text = json.dumps(header(cloud))
        odd = beside(segment(text + " " * ((rest - len(text)) % 3)))
        gate.refuses(signed_text(f"{odd}.{payload}", key), "malformed")


@pytest.mark.parametrize(
    "mark", ["=", "==", "===", "%3D", " ", "\t", "+", "/", "~", "!", "\u00e9", "\u00ad", "%00", '"']
)
def test_nothing_that_is_no_base64url_stands_in_a_token(gate: Gate, cloud: LiveCloud, mark: str) -> None:
    head, payload, signature = good(cloud).split(".")
    for odd in (
        *(f"{head}{mark}.{payload}.{signature}", f"{head}.{payload}{mark}.{signature}"),
        *(f"{head}.{mark}{payload}.{signature}", f"{head}.{payload[:9]}{mark}{payload[9:]}.{signature}"),
        f"{head}.{payload}.{signature[:9]}{mark}{signature[9:]}",
    ):
        gate.refuses(odd, "malformed")
    # White space behind a header's value is none of it (RFC 9110, section 5.5).
    if mark not in " \t":
        gate.refuses(f"{head}.{payload}.{signature}{mark}", "malformed")


def test_the_alphabet_of_plain_base64_is_refused(gate: Gate, cloud: LiveCloud) -> None:
    tokens = (good(cloud) for _ in range(100))
    found = next(token for token in tokens if "-" in token.rpartition(".")[2] or "_" in token.rpartition(".")[2])
    text, _, signature = found.rpartition(".")

    gate.refuses(f"{text}.{signature.replace('-', '+').replace('_', '/')}", "malformed")


@pytest.mark.parametrize("code", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-7"])
def test_a_token_is_written_in_utf_8_and_nothing_else(gate: Gate, cloud: LiveCloud, code: str) -> None:
    def written(part: object) -> bytes:
        text = json.dumps(part)
        return text.replace('"', "+ACI-").encode() if code == "utf-7" else text.encode(code)

    gate.refuses(signed(cloud, header(cloud), written(claims(cloud))), "malformed")
    gate.refuses(signed(cloud, written(header(cloud)), claims(cloud)), "malformed")


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b" ", b"null", b"[]", b'"admin"', b"7", b"{", b"{}}", b"{} {}", b"\x00", b"\xff\xfe", b"{'sub':'a'}"),
        *(b'{"a":NaN}', b'{"a":Infinity}', b'{"a":01}', b'{"a":1,}', b'{"a":1}//', b"{a:1}", b'{"a":"\x00"}'),
        *(b'{"a":"\xc0\xaf"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf4\x90\x80\x80"}', b'{"a":"\xff"}'),
        *(
            b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}",
            b'{"a":' + b"9" * 5000 + b"}",
            b'{"a":' * 900 + b"1" + b"}" * 900,
        ),
    ],
    ids=range(26),
)
def test_claims_that_are_no_json_object_are_refused(gate: Gate, cloud: LiveCloud, payload: bytes) -> None:
    heard = gate.knock(f"Bearer {signed(cloud, header(cloud), payload)}")

    # Deep nesting that Python still reads has no issuer; an empty part is no token.
    assert heard.logged in (("malformed",), ("issuer",)), heard
    gate.check_refusal(heard)


def test_a_token_is_read_up_to_8_kilobytes(gate: Gate, cloud: LiveCloud) -> None:
    room = 8192 - len(signed(cloud, header(cloud), claims(cloud, padding="")))
    fits = signed(cloud, header(cloud), claims(cloud, padding="x" * (room * 3 // 4 - 4)))

    gate.admits(fits)
    gate.refuses(signed(cloud, header(cloud), claims(cloud, padding="x" * 6200)), "too_large")
    gate.refuses(signed(cloud, header(cloud, padding="x" * 6200), claims(cloud)), "too_large")
    gate.refuses("x" * 10_000, "too_large")


def test_a_huge_header_is_not_answered_with_anything_of_ours(gate: Gate, cloud: LiveCloud) -> None:
    for size in (20_000, 200_000):
        heard = gate.knock(f"Bearer {'x' * size}")
        assert heard.logged in ((), ("too_large",))
        assert heard.status in (400, 403, 413, 431), heard.status
    gate.admits(good(cloud))


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer    "])
def test_the_scheme_is_read_in_any_case(gate: Gate, cloud: LiveCloud, scheme: str) -> None:
    heard = gate.knock(scheme + good(cloud))

    assert (heard.status, heard.logged) == (404, ("admitted",))


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "aUtHoRiZaTiOn"])
def test_the_headers_name_is_read_in_any_case(gate: Gate, cloud: LiveCloud, name: str) -> None:
    assert gate.send("GET", gate.base + DOOR, [(name, f"Bearer {good(cloud)}")]).status == 404


@pytest.mark.parametrize(
    "value",
    [
        *("{token}", "Bearer:{token}", "Bearer={token}", "Bearer{token}", "Bearer\t{token}", "Bearer \t{token}"),
        *(
            "Bearer\u00a0{token}",
            "Bearer\u2003{token}",
            "Bear\u0435r {token}",
            "\uff22earer {token}",
            "Bearer\x0b{token}",
        ),
        *("Basic {token}", "DPoP {token}", "JWT {token}", "Token {token}", "MAC {token}", "Negotiate {token}"),
        *("Basic Bearer {token}", "Bearer Bearer {token}", "Bearer {token} {token}", "Bearer {token},{token}"),
        *("Bearer {token}, Bearer {token}", "Bearer {token}; x=1", 'Bearer token="{token}"', 'Bearer "{token}"'),
        *("Bearer <{token}>", "Bearer {token}#", "Bearer {token}?", "Bearer {token}/", "Bearer {token}\\"),
        *("Bearer ${token}", "Bearer null {token}", "Bearer x,Bearer {token}", "Digest x, Bearer {token}"),
    ],
    ids=ascii,
)
def test_a_good_token_in_another_wrapping_is_refused(gate: Gate, cloud: LiveCloud, value: str) -> None:
    heard = gate.knock(value.replace("{token}", good(cloud)))

    if heard.status == 400:  # a control character in a header: the server itself
        return
    assert heard.logged in (("no_bearer",), ("malformed",)), heard
    gate.check_refusal(heard)


def test_two_headers_prove_nothing_whichever_is_good(gate: Gate, cloud: LiveCloud) -> None:
    # The local cloud joins them; API Gateway gives the authorizer one of them. Neither may be admitted as the other.
    for pair in (
        (f"Bearer {good(cloud)}", "Bearer x.y.z"),
        ("Bearer x.y.z", f"Bearer {good(cloud)}"),
        (f"Bearer {good(cloud)}", f"Bearer {good(cloud)}"),
        (f"Bearer {good(cloud)}", "Basic YTpi"),
    ):
        heard = gate.knock(*pair)

        assert heard.logged in (("malformed",), ("no_bearer",)), heard
        gate.check_refusal(heard)


def test_a_bearer_anywhere_else_is_not_seen(gate: Gate, cloud: LiveCloud) -> None:
    token = good(cloud)
    form = f"access_token={token}".encode()
    typed = [("Content-Type", "application/x-www-form-urlencoded")]
    heard = [
        gate.knock(path=f"{DOOR}?access_token={token}"),
        gate.knock(path=f"{DOOR}?authorization=Bearer%20{token}&Authorization=Bearer+{token}"),
        gate.knock(path=f"{DOOR}?token={token}&jwt={token}&bearer_token={token}"),
        *(
            gate.send("GET", gate.base + DOOR, [(name, f"Bearer {token}")])
            for name in ("X-Authorization", "Proxy-Authorization", "X-Forwarded-Authorization", "X-Amz-Security-Token")
        ),
        *(gate.send("GET", gate.base + DOOR, [("Cookie", f"{name}={token}")]) for name in ("Authorization", "token")),
        gate.send("POST", f"{gate.base}/tickets", typed, form),
        gate.send("GET", gate.base + DOOR, [("Authorization", "")]),
    ]

    assert [answer.status for answer in heard] == [401] * len(heard)
    assert len({answer.body for answer in heard}) == 1
    assert {name: heard[0].json[name] for name in UNAUTHORIZED} == UNAUTHORIZED
    assert not any(answer.logged for answer in heard)
