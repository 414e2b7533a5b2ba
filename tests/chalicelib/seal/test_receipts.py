from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import KeyGone, Unavailable
from chalicelib.model.receipt import Receipt
from chalicelib.seal.keyring import KEEP_SECONDS, Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.receipt import jwk, public_key, sign
from chalicelib.seal.receipts import Receipts
from chalicelib.seal.sealer import Sealer
from chalicelib.store import keys
from chalicelib.store.branch_keys import BranchKeys
from tests.chalicelib.aws.both import operations_of
from tests.chalicelib.examples import NOW, an_id
from tests.chalicelib.seal.counting import CountedWrapper, a_process

if TYPE_CHECKING:
    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud
    from tests.chalicelib.examples import Clock

HERE = ("production", "shop")


@pytest.fixture
def kms(cloud: LiveCloud, key_id: str) -> CountedWrapper:
    return CountedWrapper(KmsWrapper(cloud.client("kms"), key_id))


@pytest.fixture
def keyring(table: Table, kms: CountedWrapper, clock: Clock) -> Keyring:
    return a_process(table, kms, clock)


def seen_by(keyring: Keyring, table: Table) -> Receipts:
    return Receipts(BranchKeys(table), keyring)


def a_receipt(version: int, **changes: Any) -> Receipt:
    usual: dict[str, Any] = {"environment": "production", "domain": "shop", "version": version, "id": an_id(1)}
    return Receipt(**{**usual, "accepted_at": NOW, "body": bytes(32), **changes})


def signed(keyring: Keyring, receipt: Receipt) -> str:
    return Sealer(keyring).of_version(*HERE, receipt.version).signer()(receipt)


def forget_receipt_keys(table: Table, *versions: int) -> None:
    """Make versions as they were before there were receipts."""
    for version in versions:
        table.update(keys.branch_key(*HERE, version), "REMOVE receipt_key")


def test_a_domains_keys_are_published_in_all_versions_and_kms_is_not_asked(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    branches = [keyring.rotate(*HERE) for _ in range(3)]
    before = list(kms.asked)

    published = seen_by(a_process(table, kms, clock), table).jwks(*HERE)

    assert published == [jwk(*HERE, branch.version, public_key(branch)) for branch in branches]
    assert [one["kid"] for one in published] == ["production/shop/1", "production/shop/2", "production/shop/3"]
    assert kms.asked == before


def test_where_nothing_was_handed_in_no_key_is_published_and_none_is_made(keyring: Keyring, table: Table) -> None:
    assert seen_by(keyring, table).jwks("production", "nobody") == []
    assert BranchKeys(table).versions("production", "nobody") == []


def test_the_table_never_holds_what_signs(keyring: Keyring, table: Table) -> None:
    branch = keyring.current(*HERE)

    item = table.get(keys.branch_key(*HERE, 1))

    assert branch.receipt_key.private_bytes_raw() not in item.values()
    assert item["receipt_key"] == public_key(branch)


def test_a_version_of_before_is_derived_when_it_is_asked_for_and_then_kept(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    branches = [keyring.rotate(*HERE) for _ in range(2)]
    forget_receipt_keys(table, 1)
    asked = len(kms.asked)

    published = [seen_by(a_process(table, kms, clock), table).jwks(*HERE) for _ in range(2)]

    assert published == [[jwk(*HERE, branch.version, public_key(branch)) for branch in branches]] * 2
    assert kms.asked[asked:] == ["unwrap"], "by the first; the second found it"


def test_a_version_that_is_shredded_while_its_key_is_derived_does_not_come_back(keyring: Keyring, table: Table) -> None:
    class Slow(BranchKeys):
        def keep_receipt_key(self, key: Any, public: bytes) -> None:
            self.shred(*HERE, NOW)
            super().keep_receipt_key(key, public)

    keyring.current(*HERE)
    forget_receipt_keys(table, 1)

    assert Receipts(Slow(table), keyring).jwks(*HERE) == []
    assert table.get(keys.branch_key(*HERE, 1)) is None


def test_a_key_that_kms_does_not_give_is_an_error_and_not_a_set_without_it(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    class Silent(CountedWrapper):
        def unwrap(self, *_: object) -> bytes:
            raise Unavailable

    keyring.current(*HERE)
    forget_receipt_keys(table, 1)

    with pytest.raises(Unavailable):
        seen_by(a_process(table, Silent(kms), clock), table).jwks(*HERE)


def test_every_process_writes_the_same_receipt_also_after_a_rotation(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    keyring.current(*HERE)
    first = signed(keyring, a_receipt(1))
    keyring.rotate(*HERE)

    assert signed(keyring, a_receipt(1)) == first
    assert signed(a_process(table, kms, clock), a_receipt(1)) == first
    assert signed(keyring, a_receipt(2)) != first


def test_signing_asks_neither_the_table_nor_kms_where_the_key_has_sealed(
    keyring: Keyring, table: Table, kms: CountedWrapper
) -> None:
    keyring.current(*HERE)
    asked = operations_of(table._client)
    before = len(kms.asked)

    for number in range(1, 50):
        signed(keyring, a_receipt(1, id=an_id(number)))

    assert asked == []
    assert len(kms.asked) == before


def test_a_receipt_is_ours_if_the_named_version_signed_it_and_else_not(keyring: Keyring, table: Table) -> None:
    one, two = keyring.rotate(*HERE), keyring.rotate(*HERE)
    elsewhere = keyring.current("production", "other")
    receipts = seen_by(keyring, table)

    assert receipts.ours(sign(a_receipt(1), one)) == a_receipt(1)
    assert receipts.ours(sign(a_receipt(2), two)) == a_receipt(2)
    assert receipts.ours(sign(a_receipt(1), two)) is None
    assert receipts.ours(sign(a_receipt(1), elsewhere)) is None
    assert receipts.ours(sign(a_receipt(1), one)[:-2]) is None
    assert receipts.ours("") is None


def test_a_public_key_that_was_replaced_in_the_table_makes_no_forgery_ours(keyring: Keyring, table: Table) -> None:
    keyring.current(*HERE)
    forger = keyring.current("production", "other")
    table.update(keys.branch_key(*HERE, 1), "SET receipt_key = :forged", forged=public_key(forger))

    assert seen_by(keyring, table).ours(sign(a_receipt(1), forger)) is None


def test_a_receipt_that_names_a_domain_or_version_that_never_was_makes_none(
    keyring: Keyring, table: Table, kms: CountedWrapper
) -> None:
    branch = keyring.current(*HERE)
    asked = list(kms.asked)

    assert seen_by(keyring, table).ours(sign(a_receipt(9), branch)) is None
    assert seen_by(keyring, table).ours(sign(a_receipt(1, domain="invented"), branch)) is None
    assert kms.asked == asked
    assert BranchKeys(table).versions("production", "invented") == []


def test_what_a_shredded_key_signed_stays_verifiable_though_nothing_opens(
    keyring: Keyring, table: Table, clock: Clock
) -> None:
    texts = {version: sign(a_receipt(version), keyring.rotate(*HERE)) for version in (1, 2)}
    receipts = seen_by(keyring, table)
    published = receipts.jwks(*HERE)
    BranchKeys(table).shred(*HERE, clock.now)
    clock.pass_seconds(KEEP_SECONDS)

    assert receipts.jwks(*HERE) == published
    assert [receipts.ours(text) for text in texts.values()] == [a_receipt(1), a_receipt(2)]
    assert receipts.ours(texts[1][:-4] + "AAAA") is None
    with pytest.raises(KeyGone):
        signed(keyring, a_receipt(1))


def test_behind_a_second_shredding_the_keys_of_the_first_are_published_still(
    keyring: Keyring, table: Table, clock: Clock
) -> None:
    receipts, kids = seen_by(keyring, table), []
    for _ in range(2):
        keyring.current(*HERE)
        keyring.rotate(*HERE)
        BranchKeys(table).shred(*HERE, clock.now)
        clock.pass_seconds(KEEP_SECONDS)
        kids.append([one["kid"] for one in receipts.jwks(*HERE)])

    first = ["production/shop/1", "production/shop/2"]
    assert kids == [first, [*first, "production/shop/4", "production/shop/5"]]
