from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import SealBroken
from chalicelib.seal.keyring import KEEP_SECONDS
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.sealer import Sealer
from chalicelib.store import keys
from tests.chalicelib.examples import a_place
from tests.chalicelib.seal.counting import a_process

if TYPE_CHECKING:
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud
    from tests.chalicelib.examples import Clock


@pytest.fixture
def sealer(table: Table, cloud: LiveCloud, key_id: str, clock: Clock) -> Sealer:
    return Sealer(a_process(table, KmsWrapper(cloud.client("kms"), key_id), clock))


def test_a_secret_is_sealed_for_its_record_and_opened_again(sealer: Sealer) -> None:
    sealed, version = sealer.seal(b"a secret", a_place(), "t1")

    assert version == 1
    assert sealer.open(sealed, a_place(), "t1") == b"a secret"


@pytest.mark.parametrize("place", [a_place(subject="john"), a_place(provider="x"), a_place(domain="other")])
def test_a_secret_copied_to_another_place_does_not_open(sealer: Sealer, place: object) -> None:
    sealed, _ = sealer.seal(b"a secret", a_place(), "t1")
    sealer.fingerprint("any", place)  # the other domain has a key of the same version

    with pytest.raises(SealBroken):
        sealer.open(sealed, place, "t1")


def test_after_a_rotation_old_secrets_open_and_new_ones_are_sealed_by_the_new_key(sealer: Sealer) -> None:
    before, _ = sealer.seal(b"before", a_place(), "t1")
    sealer.keyring.rotate("production", "shop")

    after, version = sealer.seal(b"after", a_place(), "t2")

    assert version == 2
    assert sealer.open(before, a_place(), "t1") == b"before"
    assert sealer.open(after, a_place(), "t2") == b"after"


def test_a_fingerprint_is_the_same_for_the_same_token_until_the_key_is_rotated(sealer: Sealer) -> None:
    first = sealer.fingerprint("ya29.token", a_place())

    assert sealer.fingerprint("ya29.token", a_place(subject="john")) == first
    assert sealer.fingerprint("ya29.other", a_place()) != first
    assert sealer.fingerprint("ya29.token", a_place(domain="other")) != first
    sealer.keyring.rotate("production", "shop")
    assert sealer.fingerprint("ya29.token", a_place()).startswith("k2:")


def test_a_body_is_recognised_under_the_version_that_marked_it(sealer: Sealer) -> None:
    sealer.seal(b"any", a_place(), "t1")
    marked = sealer.mark(b"body", a_place(), 1)
    sealer.keyring.rotate("production", "shop")

    assert sealer.mark(b"body", a_place(), 1) == marked
    assert sealer.mark(b"body", a_place(), 2) != marked


def test_shredding_a_domains_keys_shreds_its_secrets(sealer: Sealer, table: Table, clock: Clock) -> None:
    sealed, _ = sealer.seal(b"a secret", a_place(), "t1")
    table.delete(keys.branch_key("production", "shop", 1))
    clock.pass_seconds(KEEP_SECONDS)

    with pytest.raises(SealBroken):
        sealer.open(sealed, a_place(), "t1")
