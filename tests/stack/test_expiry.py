from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import jwt
import pytest

from devtool.testing import wait_for
from tests.stack import stored
from tests.stack.http import Api, at, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

DAY = 86_400


def token_items(cloud: LiveCloud, token_id: str, subject: str) -> list[stored.Item]:
    return [stored.job(cloud, token_id), stored.current(cloud, subject)]


def test_a_token_past_its_expiry_is_gone_for_everybody_though_it_is_stored(api: Api, cloud: LiveCloud) -> None:
    subject = unique("expired")
    token_id = api.hand_in(subject, expires_in=1, refresh_token="it does not live longer for that")
    assert cloud.settle()
    paths = (f"/tokens/{token_id}/secret", at(subject, "google", "secret"))

    wait_for(lambda: api.get(paths[0], api.consumer(subject)).status == 410, 5)

    for bearer in (api.consumer(subject), api.admin):
        for path in paths:
            answer = api.get(path, bearer)
            assert (answer.status, answer.code) == (410, "token_expired")
    assert api.get(f"/tokens/{token_id}", api.consumer(subject)).json["status"] == "EXPIRED"
    assert [of["status"] for of in api.get(at(subject), api.consumer(subject)).json["items"]] == ["EXPIRED"]
    assert all("pk" in found for found in token_items(cloud, token_id, subject))


def test_a_token_is_handed_out_only_for_as_long_as_it_is_good(api: Api, cloud: LiveCloud) -> None:
    subject = unique("short")
    token_id = api.hand_in(subject, expires_in=100)
    assert cloud.settle()

    for path in (f"/tokens/{token_id}/secret", at(subject, "google", "secret")):
        assert api.get(f"{path}?min_ttl=60", api.consumer(subject)).status == 200
        answer = api.get(f"{path}?min_ttl=101", api.consumer(subject))
        assert (answer.status, answer.code) == (409, "token_too_short_lived")
        assert answer.json["min_ttl"] == 101
        assert answer.json["expires_at"].endswith("Z")


def test_a_token_of_unknown_expiry_is_good_for_any_time(api: Api) -> None:
    subject = unique("unknown")
    token_id = api.hand_in(subject)

    answer = api.get(f"/tokens/{token_id}/secret?min_ttl=31536000", api.consumer(subject))

    assert answer.status == 200
    assert answer.json["expires_at"] is None
    assert "expires_in" not in answer.json


def test_expires_at_comes_before_expires_in_and_that_before_a_jwt(api: Api) -> None:
    subject = unique("order")
    at_first, in_claim = datetime(2040, 1, 1, 12, tzinfo=UTC), datetime(2050, 6, 1, tzinfo=UTC)
    token = jwt.encode({"exp": in_claim}, "k" * 32, algorithm="HS256")

    def expiry(**given: object) -> datetime:
        token_id = api.hand_in(subject, access_token=token, **given)
        return datetime.fromisoformat(api.get(f"/tokens/{token_id}", api.consumer(subject)).json["expires_at"])

    assert expiry() == in_claim
    before = datetime.now(UTC)
    counted = expiry(expires_in="90")  # from acceptance, in whole seconds
    assert before + timedelta(seconds=89) < counted <= datetime.now(UTC) + timedelta(seconds=90)
    assert expiry(expires_in=90, expires_at="2040-01-01T13:00:00+01:00") == at_first


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.9Z", "9999-12-31T23:59:59.000Z"),
        ("2030-01-01T01:00:00.5+01:00", "2030-01-01T00:00:00.000Z"),
        ("0001-01-01T00:00:00+23:59", "1970-01-01T00:00:00.000Z"),  # before the calendar's first year
        ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.000Z"),  # after its last
    ],
)
def test_whatever_moment_is_handed_in_can_be_told_again(api: Api, cloud: LiveCloud, given: str, told: str) -> None:
    subject = unique("far")
    token_id = api.hand_in(subject, expires_at=given)
    assert cloud.settle()

    assert api.get(f"/tokens/{token_id}", api.producer).json["expires_at"] == told
    assert [of["expires_at"] for of in api.get(at(subject), api.consumer(subject)).json["items"]] == [told]


@pytest.mark.parametrize(
    ("given", "kept_after_acceptance"),
    [
        ({}, 400 * DAY),
        ({"expires_in": 60}, DAY),
        ({"expires_in": 2 * DAY}, 2 * DAY),
        ({"expires_in": 60, "refresh_token": "invented"}, 60 + 90 * DAY),
    ],
)
def test_the_time_to_live_follows_the_expiry(
    api: Api, cloud: LiveCloud, given: dict[str, object], kept_after_acceptance: int
) -> None:
    subject = unique("ttl")
    token_id = api.hand_in(subject, **given)
    assert cloud.settle()

    job, current = token_items(cloud, token_id, subject)
    accepted = int(job["accepted_at"]["N"]) // 1_000_000
    assert int(job["ttl"]["N"]) == int(current["ttl"]["N"]) == accepted + kept_after_acceptance


def test_what_dynamodb_has_deleted_was_never_there(api: Api, cloud: LiveCloud) -> None:
    subject = unique("reaped")
    token_id = api.hand_in(subject, expires_in=1)
    assert cloud.settle()
    table = cloud.client("dynamodb")
    for found in token_items(cloud, token_id, subject):
        table.update_item(
            TableName=cloud.table,
            Key={"pk": found["pk"], "sk": found["sk"]},
            UpdateExpression="SET #ttl = :past",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
        )

    assert cloud.expire_now() >= 2
    assert cloud.settle()

    consumer = api.consumer(subject)
    for path in (f"/tokens/{token_id}", f"/tokens/{token_id}/secret", f"/jobs/{token_id}", at(subject, "google")):
        assert (api.get(path, consumer).status, api.get(path, consumer).code) == (404, "not_found"), path
    assert api.get(at(subject), consumer).json == {"items": [], "cursor": None}
    assert api.delete(f"/tokens/{token_id}", consumer).status == 404
