from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.model import names
from chalicelib.model.job import Status, Type
from chalicelib.model.token import Place
from chalicelib.store import keys
from tests.chalicelib.examples import a_place, an_id

places = st.builds(
    Place,
    environment=st.from_regex(names.ENVIRONMENT_PATTERN, fullmatch=True),
    domain=st.from_regex(names.DOMAIN_PATTERN, fullmatch=True),
    subject=st.from_regex(names.SUBJECT_PATTERN, fullmatch=True),
    provider=st.from_regex(names.PROVIDER_PATTERN, fullmatch=True),
)


def test_the_keys_are_these_for_ever() -> None:
    assert keys.job_key("j1") == {"pk": "JOB#j1", "sk": "JOB"}
    assert keys.current_key(a_place()) == {
        "pk": "SUBJECT#production#shop#auth0|5f7c8ec7c33c6c004bbafe82",
        "sk": "PROVIDER#google",
    }
    assert keys.branch_key("production", "shop", 7) == {"pk": "BRANCH#production#shop", "sk": "VERSION#0000000007"}
    assert keys.policy_key("consumer") == {"pk": "POLICIES", "sk": "POLICY#consumer"}
    assert keys.watch_key("jane", "c1") == {"pk": "WATCH#jane", "sk": "CONNECTION#c1"}
    assert keys.connection_key("c1") == {"pk": "CONNECTION#c1", "sk": "CONNECTION"}


@given(places, places)
def test_two_places_never_share_a_key(one: Place, other: Place) -> None:
    assert (keys.current_key(one) == keys.current_key(other)) == (one == other)


def test_the_table_never_holds_a_tickets_text() -> None:
    assert keys.ticket_key("ticket-text") == {
        "pk": "TICKET#087e0cffb57c917790933528e175d63eed2949cf8e6b6eba2c4c0c76081aefd9",
        "sk": "TICKET",
    }


def test_subjects_spread_over_all_shards_of_the_open_index() -> None:
    shards = Counter(keys.open_shard(f"auth0|{number}") for number in range(3_200))

    assert set(shards) == {keys.shard_name(number) for number in range(32)}
    assert max(shards.values()) < 160


def test_the_shards_of_the_lists_are_these_for_ever() -> None:
    """Jobs stand where they were written: who lowers a number, or names them otherwise, no longer lists them."""
    assert keys.list_shards(Type.STORE) == [f"token.store#{number:02d}" for number in range(16)]
    assert keys.list_shards(Type.REVOKE) == [f"token.revoke#{number:02d}" for number in range(16)]
    assert keys.unsuccessful_shards(Status.FAILED) == [f"FAILED#{number:02d}" for number in range(8)]
    assert keys.unsuccessful_shards(Status.CANCELLED) == [f"CANCELLED#{number:02d}" for number in range(8)]
    assert keys.list_shard(Type.STORE, an_id(1)) == "token.store#01"
    assert keys.unsuccessful_shard(Status.FAILED, an_id(1)) == "FAILED#01"


def test_jobs_spread_over_all_shards_of_their_type_and_status() -> None:
    listed = Counter(keys.list_shard(Type.STORE, an_id(number)) for number in range(3_200))
    failed = Counter(keys.unsuccessful_shard(Status.FAILED, an_id(number)) for number in range(3_200))

    assert sorted(listed) == keys.list_shards(Type.STORE)
    assert sorted(failed) == keys.unsuccessful_shards(Status.FAILED)
    assert max(listed.values()) < 300
    assert max(failed.values()) < 500
