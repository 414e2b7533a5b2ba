"""The sealed form, checked by the `cryptography` package from the documented bytes, and broken in every way."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import SealBroken
from chalicelib.seal import envelope
from chalicelib.seal.envelope import Binding, BranchKey, open_sealed, seal

KEY = bytes(range(32))
BRANCH = BranchKey(environment="production", domain="shop", version=7, key=KEY)
BINDING = Binding(environment="production", domain="shop", subject="auth0|5f", provider="google", id="t1")
SEALED = seal(b"a secret", BRANCH, BINDING)


def hkdf(key: bytes, salt: bytes | None, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(key)


def associated(version: int, *names: bytes) -> bytes:
    return b"\x01" + version.to_bytes(4, "big") + b"".join(len(name).to_bytes(4, "big") + name for name in names)


def test_what_is_sealed_opens_by_the_documented_layout_alone() -> None:
    salt, nonce, rest = SEALED[5:21], SEALED[21:33], SEALED[33:]
    data = associated(7, b"production", b"shop", b"auth0|5f", b"google", b"t1")

    opened = AESGCM(hkdf(KEY, salt, b"cloakroom/1/seal")).decrypt(nonce, rest, data)

    assert SEALED[:5] == b"\x01\x00\x00\x00\x07"
    assert len(SEALED) == 49 + len(b"a secret")
    assert opened == b"a secret"


def test_what_is_put_together_by_the_documented_layout_opens() -> None:
    salt, nonce = bytes(16), bytes(12)
    data = associated(7, b"production", b"shop", b"auth0|5f", b"google", b"t1")
    made = AESGCM(hkdf(KEY, salt, b"cloakroom/1/seal")).encrypt(nonce, b"by hand", data)

    assert open_sealed(b"\x01\x00\x00\x00\x07" + salt + nonce + made, BRANCH, BINDING) == b"by hand"


@pytest.mark.parametrize(
    ("key", "salt", "info", "okm"),
    [  # RFC 5869, appendix A.1 to A.3: the first 32 bytes of each output
        (
            b"\x0b" * 22,
            bytes(range(13)),
            bytes(range(0xF0, 0xFA)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
        ),
        (
            bytes(range(80)),
            bytes(range(0x60, 0xB0)),
            bytes(range(0xB0, 0x100)),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
        ),
        (b"\x0b" * 22, b"", b"", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"),
    ],
)
def test_keys_are_derived_as_rfc_5869_says(key: bytes, salt: bytes, info: bytes, okm: str) -> None:
    assert envelope._hkdf(key, salt=salt, info=info).hex() == okm


@given(key=st.binary(min_size=32, max_size=32), salt=st.binary(max_size=64), info=st.binary(max_size=64))
def test_keys_are_derived_as_the_cryptography_package_does(key: bytes, salt: bytes, info: bytes) -> None:
    assert envelope._hkdf(key, salt=salt, info=info) == hkdf(key, salt or None, info)


@given(st.binary(max_size=2_000))
def test_whatever_is_sealed_opens_to_the_same_bytes(plaintext: bytes) -> None:
    assert open_sealed(seal(plaintext, BRANCH, BINDING), BRANCH, BINDING) == plaintext


def test_the_same_secret_sealed_twice_shares_no_salt_nonce_or_ciphertext() -> None:
    again = seal(b"a secret", BRANCH, BINDING)

    assert again[5:21] != SEALED[5:21]
    assert again[21:33] != SEALED[21:33]
    assert again[33:] != SEALED[33:]


@pytest.mark.parametrize("position", range(len(SEALED)))
def test_no_byte_can_be_altered(position: int) -> None:
    for mask in (0x01, 0x80, 0xFF):
        altered = bytearray(SEALED)
        altered[position] ^= mask

        with pytest.raises(SealBroken):
            open_sealed(bytes(altered), BRANCH, BINDING)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_nothing_can_be_cut_off(length: int) -> None:
    with pytest.raises(SealBroken):
        open_sealed(SEALED[:length], BRANCH, BINDING)


def test_nothing_can_be_added() -> None:
    with pytest.raises(SealBroken):
        open_sealed(SEALED + b"\x00", BRANCH, BINDING)


@pytest.mark.parametrize(
    "changed",
    [
        {"environment": "staging"},
        {"domain": "other"},
        {"subject": "auth0|60"},
        {"provider": "microsoft"},
        {"id": "t2"},
        {"environment": "productions", "domain": "hop"},  # the same letters with the border moved
        {"subject": "auth0|5fg", "provider": "oogle"},
    ],
)
def test_a_secret_moved_to_another_record_does_not_open(changed: dict[str, str]) -> None:
    usual = {"environment": "production", "domain": "shop", "subject": "auth0|5f", "provider": "google", "id": "t1"}

    with pytest.raises(SealBroken):
        open_sealed(SEALED, BRANCH, Binding(**{**usual, **changed}))


def test_another_version_of_the_key_does_not_open() -> None:
    newer = BranchKey(environment="production", domain="shop", version=8, key=KEY)

    with pytest.raises(SealBroken, match="another version"):
        open_sealed(SEALED, newer, BINDING)


def test_another_key_of_the_same_version_does_not_open() -> None:
    other = BranchKey(environment="production", domain="shop", version=7, key=bytes(32))

    with pytest.raises(SealBroken):
        open_sealed(SEALED, other, BINDING)


def test_a_version_written_over_does_not_open_under_the_key_of_that_version() -> None:
    """The version is part of the associated data, not only a hint where to look."""
    newer = BranchKey(environment="production", domain="shop", version=8, key=KEY)

    with pytest.raises(SealBroken):
        open_sealed(b"\x01\x00\x00\x00\x08" + SEALED[5:], newer, BINDING)


def test_the_sealed_form_tells_the_version_of_its_key() -> None:
    assert envelope.key_version(SEALED) == 7


def test_a_mark_is_an_hmac_under_a_subkey_of_its_purpose() -> None:
    by_hand = HMAC(hkdf(KEY, None, b"cloakroom/1/mark/body"), hashes.SHA256())
    by_hand.update(b"message")

    assert envelope.mark(b"message", BRANCH, "body") == by_hand.finalize()


def test_marks_of_two_purposes_or_keys_have_nothing_in_common() -> None:
    other = BranchKey(environment="production", domain="shop", version=8, key=bytes(32))
    marks = {
        envelope.mark(b"message", BRANCH, "body"),
        envelope.mark(b"message", BRANCH, "fingerprint"),
        envelope.mark(b"message", other, "body"),
    }

    assert len(marks) == 3


def test_a_fingerprint_names_the_version_and_sixteen_digits_of_the_mark() -> None:
    expected = envelope.mark(b"ya29.token", BRANCH, "fingerprint")[:8].hex()

    assert envelope.fingerprint("ya29.token", BRANCH) == f"k7:{expected}"


def test_a_check_value_shows_a_key_to_be_another() -> None:
    other = BranchKey(environment="production", domain="shop", version=7, key=bytes(32))

    assert len(envelope.check_value(BRANCH)) == 8
    assert envelope.check_value(BRANCH) != envelope.check_value(other)
