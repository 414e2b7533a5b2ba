from __future__ import annotations

import pytest

from chalicelib.admit.metering import Meter

METER = Meter(prefix="prefix", clients=tuple(f"client-{number}" for number in range(1, 17)))


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ("client-1", "prefix01"),
        ("client-2", "prefix02"),
        ("client-16", "prefix16"),
        ("client-17", "prefix00"),
        ("CLIENT-1", "prefix00"),
        ("", "prefix00"),
        (None, "prefix00"),
    ],
)
def test_a_listed_client_has_a_key_of_its_own_and_all_others_share_one(client: str | None, key: str) -> None:
    assert METER.key_of(client) == key


def test_where_nobody_is_listed_all_share_one() -> None:
    assert Meter(prefix="p", clients=()).key_of("client-1") == "p00"
