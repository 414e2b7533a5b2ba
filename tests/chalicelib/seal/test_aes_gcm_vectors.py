"""NIST's vectors for AES-256-GCM, of the package `cryptography-vectors`, through the code that opens our secrets."""

from __future__ import annotations

import functools

import cryptography
import cryptography_vectors
import pytest

from chalicelib.errors import SealBroken
from chalicelib.seal import envelope

NONCE_BITS = envelope.NONCE_BYTES * 8
TAG_BITS = envelope.TAG_BYTES * 8

Vector = dict[str, str]


@functools.cache
def vectors(file: str) -> tuple[Vector, ...]:
    """Read the vectors of one of NIST's response files, with the parameters of their section in brackets."""
    found: list[Vector] = []
    section: Vector = {}
    with cryptography_vectors.open_vector_file(f"ciphers/AES/GCM/{file}", "r") as lines:
        for line in map(str.strip, lines):
            name, _, value = (part.strip() for part in line.strip("[]").partition("="))
            if line.startswith("["):
                section = {**section, name: value}
            elif name == "Count":
                found.append(dict(section))
            elif line == "FAIL":
                found[-1]["FAIL"] = ""
            elif line and not line.startswith("#"):
                found[-1][name] = value
    return tuple(found)


def opened(vector: Vector) -> bytes:
    key, nonce, ciphertext, tag, associated = (
        bytes.fromhex(vector[name]) for name in ("Key", "IV", "CT", "Tag", "AAD")
    )
    return envelope._decrypted(key, nonce, ciphertext + tag, associated)


def ours(vector: Vector) -> bool:
    return (vector["IVlen"], vector["Taglen"]) == (str(NONCE_BITS), str(TAG_BITS))


def test_the_vectors_are_those_of_the_cryptography_that_is_installed() -> None:
    assert cryptography_vectors.__version__ == cryptography.__version__


@pytest.mark.parametrize(("file", "good", "bad"), [("gcmDecrypt256.rsp", 184, 191), ("gcmEncryptExtIV256.rsp", 375, 0)])
def test_what_nist_decrypts_opens_and_what_fails_there_is_broken(file: str, good: int, bad: int) -> None:
    of_our_form = [vector for vector in vectors(file) if ours(vector)]
    succeed = [vector for vector in of_our_form if "FAIL" not in vector]
    fail = [vector for vector in of_our_form if "FAIL" in vector]

    assert [opened(vector).hex() for vector in succeed] == [vector["PT"] for vector in succeed]
    for vector in fail:
        with pytest.raises(SealBroken):
            opened(vector)
    assert (len(succeed), len(fail)) == (good, bad)


@pytest.mark.parametrize("file", ["gcmDecrypt256.rsp", "gcmEncryptExtIV256.rsp"])
def test_a_tag_that_was_cut_short_opens_nothing(file: str) -> None:
    # A shorter tag is right by NIST's rules, and easier to guess: 32 bits are guessed within a day.
    cut = [
        vector for vector in vectors(file) if int(vector["Taglen"]) < TAG_BITS and vector["IVlen"] == str(NONCE_BITS)
    ]

    for vector in cut:
        with pytest.raises(SealBroken):
            opened(vector)
    assert {vector["Taglen"] for vector in cut} == {"32", "64", "96", "104", "112", "120"}


def test_a_vector_with_a_bit_changed_anywhere_is_broken() -> None:
    vector = next(item for item in vectors("gcmEncryptExtIV256.rsp") if ours(item) and item["CT"] and item["AAD"])
    assert opened(vector).hex() == vector["PT"]

    for name in ("Key", "IV", "CT", "Tag", "AAD"):
        for bit in range(len(vector[name]) * 4):
            changed = int(vector[name], 16) ^ 1 << bit
            with pytest.raises(SealBroken):
                opened({**vector, name: f"{changed:0{len(vector[name])}x}"})
