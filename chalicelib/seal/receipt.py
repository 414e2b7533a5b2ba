"""Sign receipts, read them, and tell whether they are ours.

A receipt is a JWS in compact form (RFC 7515) signed by Ed25519 (RFC 8037). The 32 bytes of the private key (RFC 8032,
section 5.1.5) are HKDF-SHA256 (RFC 5869) of the branch key, without salt, `info` = `cloakroom/1/receipt`: whoever seals
a token has what signs its receipt. The three parts, base64url without padding, joined by dots:

    part       what
    header     {"alg":"EdDSA","kid":"<environment>/<domain>/<version>","typ":"cloakroom-receipt+jwt"}
    payload    {"accepted_at":"<as in the answer>","body":"<keyed hash>","iat":<seconds>,"jti":"<the id>"}
    signature  64 bytes

Header and payload are JSON in ASCII, members by name, no white space. `body` is the 32 bytes of the body's keyed mark
(`envelope.mark`, purpose `body`) in base64url without padding. Ed25519 is deterministic, so the same facts are the same
text in every process and at any time; that, and the form above, is a contract with every later version.
"""

from __future__ import annotations

import base64
import json
import re
from binascii import b2a_base64
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from chalicelib.model import names
from chalicelib.model.clock import SECOND, micros, rfc3339
from chalicelib.model.receipt import Receipt

if TYPE_CHECKING:
    from chalicelib.seal.envelope import BranchKey

TYPE = "cloakroom-receipt+jwt"
"""Explicit (RFC 8725, section 3.11), so that nobody takes a receipt for another kind of token: it is no bearer."""

MARK_BYTES = 32

_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_COMPACT = r"([A-Za-z0-9_\-]{1,512}\.[A-Za-z0-9_\-]{1,512})\.([A-Za-z0-9_\-]{86})"
_ID = r"[a-z2-7]{26}"
_VERSION = r"[1-9][0-9]{0,9}"


def sign(receipt: Receipt, branch: BranchKey) -> str:
    """Write a receipt. `branch` is the version that the receipt names."""
    signed = _signed_part(receipt)
    return f"{signed}.{_text(branch.receipt_key.sign(signed.encode()))}"


def public_key(branch: BranchKey) -> bytes:
    """Return what verifies the receipts of a branch key, 32 bytes: no secret."""
    return branch.receipt_key.public_key().public_bytes_raw()


def key_id(environment: str, domain: str, version: int) -> str:
    """Return the `kid` of a version of a domain's key. None of the names can hold a slash."""
    return f"{environment}/{domain}/{version}"


def jwk(environment: str, domain: str, version: int, public: bytes) -> dict[str, str]:
    """Write a public key as a JWK (RFC 7517; RFC 8037, section 2)."""
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "use": "sig",
        "alg": "EdDSA",
        "kid": key_id(environment, domain, version),
        "x": _text(public),
    }


def read(text: str) -> Receipt | None:
    """Return what a receipt says, unverified, or None for what is none: one spelling is a receipt, and no other."""
    found = re.fullmatch(_COMPACT, text)
    if found is None:
        return None
    header_text, _, payload_text = found[1].partition(".")
    try:
        header, payload = _object(header_text), _object(payload_text)
        environment, domain, version = str(header["kid"]).split("/")
        if names.environment_fault(environment) or names.domain_fault(domain) or not re.fullmatch(_VERSION, version):
            return None
        receipt = Receipt(
            environment=environment,
            domain=domain,
            version=int(version),
            id=str(payload["jti"]),
            accepted_at=micros(datetime.fromisoformat(payload["accepted_at"])),
            body=_bytes(payload["body"]),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    # Written anew it must be what it was: so nothing is left that two readers could take for two things.
    is_exact = re.fullmatch(_ID, receipt.id) and len(receipt.body) == MARK_BYTES and _signed_part(receipt) == found[1]
    return receipt if is_exact else None


def is_signed(text: str, public: bytes) -> bool:
    """Tell whether a text of a receipt's form was signed by the key behind `public`."""
    signed, _, encoded = text.rpartition(".")
    raw = _bytes(encoded)
    if _text(raw) != encoded:  # the last character has bits that no byte takes
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(raw, signed.encode())
    except InvalidSignature:
        return False
    return True


def _signed_part(receipt: Receipt) -> str:
    """Write what is signed. By hand, for a login pays for it: nothing of a receipt has a letter that JSON escapes."""
    payload = (
        f'{{"accepted_at":"{rfc3339(receipt.accepted_at)}","body":"{_text(receipt.body)}",'
        f'"iat":{receipt.accepted_at // SECOND},"jti":"{receipt.id}"}}'
    )
    return f"{_header(receipt.environment, receipt.domain, receipt.version)}.{_text(payload.encode('ascii'))}"


@lru_cache(maxsize=256)
def _header(environment: str, domain: str, version: int) -> str:
    members = {"alg": "EdDSA", "kid": key_id(environment, domain, version), "typ": TYPE}
    return _text(json.dumps(members, separators=(",", ":"), sort_keys=True).encode())


def _object(part: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(_bytes(part))
    return value


def _text(raw: bytes) -> str:
    return b2a_base64(raw, newline=False).rstrip(b"=").translate(_TO_URL_SAFE).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
