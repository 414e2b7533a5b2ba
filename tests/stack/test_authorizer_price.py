"""How often the authorizer is asked: what API Gateway remembers of a bearer costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.stack.figures import show, table
from tests.stack.http import Api, at, unique

if TYPE_CHECKING:
    import pytest

    from devtool.testing import LiveCloud

REQUESTS = 24


def invocations(cloud: LiveCloud) -> int:
    """Count the authorizer's runs: each says once what it decided."""
    log = cloud.logs("authorize")
    return log.count('"event":"admitted"') + log.count('"event":"denied"')


def test_requests_with_one_bearer_ask_the_authorizer_once_whatever_the_route(
    api: Api, cloud: LiveCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    subject = unique("cached")
    token_id = api.hand_in(subject)
    assert cloud.settle()
    bearer = cloud.token(subject, ["consumer"])
    paths = (at(subject), at(subject, "google"), f"/tokens/{token_id}", f"/jobs/{token_id}")
    before = invocations(cloud)

    answers = [api.get(paths[number % len(paths)], bearer) for number in range(REQUESTS)]
    once = invocations(cloud) - before
    refused = [api.get("/providers", bearer) for _ in range(REQUESTS)]
    still = invocations(cloud) - before

    show(capsys, *table(["requests with one bearer", "authorizer asked"], [[REQUESTS, once], [2 * REQUESTS, still]]))
    assert {answer.status for answer in answers} == {200}
    assert {answer.status for answer in refused} == {403}
    assert (once, still) == (1, 1)


def test_each_bearer_is_looked_at_by_itself(api: Api, cloud: LiveCloud) -> None:
    subject = unique("many")
    api.hand_in(subject)
    assert cloud.settle()
    before = invocations(cloud)

    for number in range(5):
        assert api.get(at(subject), cloud.token(subject, ["consumer"], jti=str(number))).status == 200

    assert invocations(cloud) - before == 5


def test_an_expired_bearer_is_looked_at_each_time_for_no_401_is_remembered(api: Api, cloud: LiveCloud) -> None:
    bearer = cloud.token(unique("expired"), ["consumer"], ttl=-60)
    before = invocations(cloud)

    for _ in range(3):
        assert api.get("/providers", bearer).status == 401

    assert invocations(cloud) - before == 3
