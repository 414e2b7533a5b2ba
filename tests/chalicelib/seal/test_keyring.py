from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import Conflict, KeyGone, SealBroken
from chalicelib.model.branch_key import WrappedKey
from chalicelib.seal import keyring as module
from chalicelib.seal.keyring import KEEP_SECONDS, Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.store import keys
from chalicelib.store.branch_keys import BranchKeys
from tests.chalicelib.seal.counting import CountedWrapper, MeetingWrapper, a_process

if TYPE_CHECKING:
    from concurrent.futures import Executor

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


def test_the_first_token_of_a_domain_makes_version_one(keyring: Keyring, table: Table) -> None:
    branch = keyring.current(*HERE)

    assert (branch.environment, branch.domain, branch.version, len(branch.key)) == ("production", "shop", 1, 32)
    assert BranchKeys(table).latest(*HERE).version == 1


def test_the_table_never_holds_a_key_in_the_clear(keyring: Keyring, table: Table) -> None:
    branch = keyring.current(*HERE)

    item = table.get(keys.branch_key(*HERE, 1))

    assert branch.key not in item["wrapped"]
    assert branch.key not in item["check"]


def test_32_threads_at_once_ask_kms_once(keyring: Keyring, kms: CountedWrapper, pool: Executor) -> None:
    branches = list(pool.map(lambda _: keyring.current(*HERE), range(32)))

    assert len({branch.key for branch in branches}) == 1
    assert kms.asked == ["generate"]


def test_another_process_unwraps_once_for_all_its_tokens(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock, pool: Executor
) -> None:
    first = keyring.current(*HERE)
    other = a_process(table, kms, clock)

    sealing = list(pool.map(lambda _: other.current(*HERE), range(32)))
    opening = list(pool.map(lambda _: other.version(*HERE, 1), range(32)))

    assert {branch.key for branch in sealing + opening} == {first.key}
    assert kms.asked == ["generate", "unwrap"]


def test_a_process_that_has_opened_with_a_key_seals_with_it_without_asking_again(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    keyring.current(*HERE)
    other = a_process(table, kms, clock)

    assert other.version(*HERE, 1) == other.current(*HERE)
    assert kms.asked == ["generate", "unwrap"]


def test_a_key_is_asked_for_again_after_its_minutes(keyring: Keyring, kms: CountedWrapper, clock: Clock) -> None:
    keyring.current(*HERE)
    clock.pass_seconds(KEEP_SECONDS - 1)
    keyring.current(*HERE)
    assert kms.asked == ["generate"]

    clock.pass_seconds(1)
    keyring.current(*HERE)

    assert kms.asked == ["generate", "unwrap"]


def test_two_processes_that_make_the_first_key_at_once_use_the_same(
    table: Table, kms: CountedWrapper, clock: Clock, pool: Executor
) -> None:
    meeting = threading.Barrier(2)
    processes = [a_process(table, MeetingWrapper(kms, meeting), clock) for _ in range(2)]

    one, other = pool.map(lambda process: process.current(*HERE), processes)

    assert one == other
    assert sorted(kms.asked) == ["generate", "generate", "unwrap"]


def test_each_domain_and_environment_has_keys_of_its_own(keyring: Keyring) -> None:
    made = [keyring.current(*place) for place in (("production", "a"), ("production", "b"), ("staging", "a"))]

    assert len({branch.key for branch in made}) == 3


def test_rotation_adds_a_version_that_seals_while_the_old_one_opens(keyring: Keyring) -> None:
    old = keyring.current(*HERE)

    rotated = keyring.rotate(*HERE)

    assert rotated.version == 2
    assert rotated.key != old.key
    assert keyring.current(*HERE) == rotated
    assert keyring.version(*HERE, 1) == old


def test_rotation_before_the_first_token_makes_version_one(keyring: Keyring) -> None:
    assert keyring.rotate(*HERE).version == 1


def test_other_processes_notice_a_rotation_after_their_minutes(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    other = a_process(table, kms, clock)
    other.current(*HERE)
    keyring.rotate(*HERE)

    clock.pass_seconds(KEEP_SECONDS - 1)
    assert other.current(*HERE).version == 1
    clock.pass_seconds(1)
    assert other.current(*HERE).version == 2


def test_what_a_rotated_key_sealed_opens_in_a_process_that_has_not_noticed(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    other = a_process(table, kms, clock)
    other.current(*HERE)
    rotated = keyring.rotate(*HERE)

    assert other.version(*HERE, 2) == rotated


def test_the_tenth_version_is_newer_than_the_ninth(keyring: Keyring, table: Table) -> None:
    for _ in range(10):
        keyring.rotate(*HERE)

    assert BranchKeys(table).latest(*HERE).version == 10


def test_two_rotations_at_once_make_one_version(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock, pool: Executor
) -> None:
    keyring.current(*HERE)
    meeting = threading.Barrier(2)
    processes = [a_process(table, MeetingWrapper(kms, meeting), clock) for _ in range(2)]

    def rotate(process: Keyring) -> object:
        try:
            return process.rotate(*HERE).version
        except Conflict:
            return "conflict"

    assert sorted(map(str, pool.map(rotate, processes))) == ["2", "conflict"]


def test_a_shredded_key_opens_nothing_once_it_has_left_memory(keyring: Keyring, table: Table, clock: Clock) -> None:
    keyring.current(*HERE)
    table.delete(keys.branch_key(*HERE, 1))

    assert keyring.version(*HERE, 1).version == 1
    clock.pass_seconds(KEEP_SECONDS)
    with pytest.raises(SealBroken, match="version 1 of this domain's key is gone"):
        keyring.version(*HERE, 1)


def test_behind_a_shredding_the_next_key_has_a_version_that_no_key_had(
    keyring: Keyring, table: Table, clock: Clock
) -> None:
    for _ in range(2):
        keyring.rotate(*HERE)
    BranchKeys(table).shred(*HERE, clock.now)
    clock.pass_seconds(KEEP_SECONDS)

    branch = keyring.current(*HERE)

    assert branch.version == 4
    assert keyring.rotate(*HERE).version == 5
    with pytest.raises(KeyGone):
        keyring.version(*HERE, 3)


def test_a_process_that_still_holds_a_shredded_key_takes_no_other_for_it(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    stale = a_process(table, kms, clock)
    before = stale.current(*HERE)
    BranchKeys(table).shred(*HERE, clock.now)
    after = keyring.current(*HERE)

    assert stale.current(*HERE) == before, "it seals with what it holds: such a token is shredded, too"
    assert stale.version(*HERE, after.version) == after
    clock.pass_seconds(KEEP_SECONDS)
    assert stale.current(*HERE) == after
    with pytest.raises(KeyGone):
        stale.version(*HERE, before.version)


def test_two_processes_that_make_the_first_key_behind_a_shredding_have_one(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock, pool: Executor
) -> None:
    keyring.current(*HERE)
    BranchKeys(table).shred(*HERE, clock.now)
    meeting = threading.Barrier(2)
    processes = [a_process(table, MeetingWrapper(kms, meeting), clock) for _ in range(2)]

    made = list(pool.map(lambda process: process.current(*HERE), processes))

    assert made[0] == made[1]
    assert made[0].version == 3


def test_a_key_moved_to_another_domain_does_not_unwrap(keyring: Keyring, table: Table) -> None:
    keyring.current(*HERE)
    stored = table.get(keys.branch_key(*HERE, 1))
    table.put({**stored, **keys.branch_key("production", "other", 1), "domain": "other"})

    with pytest.raises(SealBroken):
        keyring.current("production", "other")


@pytest.mark.parametrize("part", ["wrapped", "check"])
def test_an_altered_key_is_refused_also_where_kms_decrypts_it_to_garbage(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock, part: str
) -> None:
    keyring.current(*HERE)
    stored = table.get(keys.branch_key(*HERE, 1))
    altered = bytearray(stored[part])
    altered[-1] ^= 0x01
    table.put({**stored, part: bytes(altered)})

    with pytest.raises(SealBroken):
        a_process(table, kms, clock).current(*HERE)


def test_a_key_of_another_length_never_seals(table: Table, kms: CountedWrapper, clock: Clock, cloud: LiveCloud) -> None:
    context = {"environment": "production", "domain": "shop", "version": "1"}
    short = cloud.client("kms").encrypt(KeyId=kms._inner._key_id, Plaintext=b"short", EncryptionContext=context)  # type: ignore[attr-defined]
    BranchKeys(table).add(
        WrappedKey(environment="production", domain="shop", version=1, wrapped=short["CiphertextBlob"], check=b"x" * 8)
    )

    with pytest.raises(SealBroken, match="did not unwrap to the key that was stored"):
        a_process(table, kms, clock).current(*HERE)


def test_a_key_that_still_seals_marks_and_signs_without_being_asked_for_again(
    keyring: Keyring, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    keyring.current(*HERE)
    process = a_process(table, kms, clock)
    process.version(*HERE, 1)
    clock.pass_seconds(KEEP_SECONDS - 100)
    sealing = process.current(*HERE)
    BranchKeys(table).shred(*HERE, clock.now)
    clock.pass_seconds(100)

    assert process.version(*HERE, process.current(*HERE).version) == sealing
    clock.pass_seconds(KEEP_SECONDS - 100)
    with pytest.raises(KeyGone):
        process.version(*HERE, 1)


def test_a_process_keeps_so_many_keys_and_forgets_the_least_recently_used(
    keyring: Keyring, kms: CountedWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEEP_COUNT", 2)
    for domain in ("a", "b"):
        keyring.current("production", domain)
    for domain in ("c", "d"):
        keyring.version("production", "a", 1)
        keyring.current("production", domain)
    before = len(kms.asked)

    keyring.version("production", "a", 1)
    assert len(kms.asked) == before
    keyring.version("production", "b", 1)
    assert kms.asked[before:] == ["unwrap"]
