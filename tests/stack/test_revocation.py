"""Access ends within five seconds, though API Gateway keeps the authorizer's answer for three hundred.

Each bearer is warm first: the authorizer is asked once, and its answer serves every request of these tests.
"""

from __future__ import annotations

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed

from chalicelib.store.policies import Policies
from chalicelib.store.table import Table
from chalicelib.wiring.system import now
from tests.stack.http import Api, at, hand_in, unique
from tests.stack.watching import PATIENCE, Caller, refusal, registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud
    from tests.stack.watching import Message, Watcher

BOUND = 5.0
READ = {"effect": "Allow", "methods": ["GET"], "paths": ["/subjects/*"]}
TICKETS = {"effect": "Allow", "methods": ["POST"], "paths": ["/tickets"]}
LITTLE = {"effect": "Allow", "methods": ["GET"], "paths": ["/jobs/*"]}


def bearer(cloud: LiveCloud, subject: str, *groups: str, **claims: Any) -> str:
    return cloud.token(subject, groups or ["consumer"], jti=claims.pop("jti", secrets.token_hex(8)), **claims)


def admissions(cloud: LiveCloud, subject: str) -> list[str]:
    """Return what the authorizer said of a principal, each time that it was asked."""
    return [fact["event"] for fact in facts(cloud, "authorize", subject)]


def facts(cloud: LiveCloud, function: str, principal: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in cloud.logs(function).splitlines() if line.startswith("{"))
    return [line for line in lines if line.get("principal") == principal]


def heard_until_closed(watcher: Watcher) -> list[Message]:
    """Return what a socket is told until the other side closes it. Raises TimeoutError if it does not."""
    heard: list[Message] = []
    deadline = time.monotonic() + PATIENCE
    with suppress(ConnectionClosed):
        while True:
            heard.append(watcher.next(max(0.0, deadline - time.monotonic())))
    return heard


def warm(api: Api, subject: str, given: str) -> None:
    """Ask until both sides know the bearer."""
    for _ in range(2):
        assert api.get(at(subject), given).status == 200


def revoke(api: Api, **body: Any) -> str:
    answer = api.post("/revocations", api.admin, body=body)
    assert answer.status == 201, answer.body
    return str(answer.json["id"])


@contextmanager
def revoked(api: Api, **body: Any) -> Iterator[float]:
    """End an access, say when that was, and give it back in the end."""
    revocation = revoke(api, **body)
    try:
        yield time.monotonic()
    finally:
        api.delete(f"/revocations/{revocation}", api.admin)


def after_the_bound(since: float) -> None:
    """Wait until five seconds have passed: what is sent from here on must be refused."""
    time.sleep(max(0.0, since + BOUND - time.monotonic()))


def put_policy(cloud: LiveCloud, group: str, *statements: dict[str, Any]) -> float:
    policy = {"group": group, "statements": list(statements), "acknowledges": ["every_secret"]}
    Policies(Table(cloud.client("dynamodb"), cloud.table), now).put(policy)
    return time.monotonic()


ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "/subjects/{subject}/tokens", None),
    ("GET", "/subjects/{subject}/tokens/google/secret", None),
    ("GET", "/tokens/{token}", None),
    ("GET", "/tokens/{token}/secret", None),
    ("GET", "/jobs/{token}", None),
    ("POST", "/tickets", {}),
    ("POST", "/tokens/{token}/refresh", None),
    ("DELETE", "/tokens/{token}", None),
]


@pytest.mark.parametrize("what", ["principal", "sessions", "bearer"])
def test_access_ends_within_five_seconds_on_every_route_though_the_gateway_keeps_its_answer(
    api: Api, cloud: LiveCloud, what: str
) -> None:
    subject, jti = unique("revoked"), secrets.token_hex(8)
    given = bearer(cloud, subject, jti=jti)
    token = api.hand_in(subject)
    warm(api, subject, given)
    moment = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    body = {
        "principal": {"principal": subject},
        "sessions": {"principal": subject, "issued_before": moment},
        "bearer": {"bearer": jti},
    }[what]

    with revoked(api, **body, why="a test") as since:
        after_the_bound(since)
        answers = [
            api.call(method, path.format(subject=quote(subject, safe=""), token=token), given, body=sent)
            for method, path, sent in ROUTES
        ]

    assert [(answer.status, answer.code) for answer in answers] == [(401, "unauthorized")] * len(ROUTES)
    assert len({answer.body for answer in answers}) == 1, "no answer says why"
    assert admissions(cloud, subject) == ["admitted"], "the gateway asked the authorizer once, before the revocation"
    refused = [fact for fact in facts(cloud, "api_handler", subject) if "because" in fact]
    assert {(fact["event"], fact["because"]) for fact in refused} == {("request.refused", "revoked")}


def test_a_hand_in_is_refused_too(api: Api, cloud: LiveCloud) -> None:
    hook = unique("hook")
    given = bearer(cloud, hook, "producer")
    assert api.post("/tokens", given, body=hand_in(unique("somebody"))).status == 202

    with revoked(api, principal=hook) as since:
        after_the_bound(since)
        answer = api.post("/tokens", given, body=hand_in(unique("somebody")))

    assert answer.status == 401


def test_a_bearer_that_comes_after_the_revocation_is_denied_by_the_authorizer(api: Api, cloud: LiveCloud) -> None:
    subject = unique("revoked")

    with revoked(api, principal=subject) as since:
        after_the_bound(since)
        answer = api.get(at(subject), bearer(cloud, subject))

    assert answer.status == 403
    assert [fact["code"] for fact in facts(cloud, "authorize", subject)] == ["revoked"]


def test_another_bearer_of_the_same_principal_is_served_where_one_was_revoked(api: Api, cloud: LiveCloud) -> None:
    subject, jti = unique("revoked"), secrets.token_hex(8)
    stolen, other = bearer(cloud, subject, jti=jti), bearer(cloud, subject)
    warm(api, subject, stolen)
    warm(api, subject, other)

    with revoked(api, bearer=jti) as since:
        after_the_bound(since)
        answers = [api.get(at(subject), given).status for given in (stolen, other)]

    assert answers == [401, 200]


def test_who_logs_in_again_after_the_end_of_its_sessions_is_served(api: Api, cloud: LiveCloud) -> None:
    subject = unique("sessions")
    before = bearer(cloud, subject, iat=int(time.time()) - 60)
    warm(api, subject, before)

    with revoked(api, principal=subject, issued_before=datetime.now(UTC).replace(microsecond=0).isoformat()) as since:
        after_the_bound(since)
        answers = [api.get(at(subject), given).status for given in (before, bearer(cloud, subject))]

    assert answers == [401, 200]


def test_every_process_hears_of_it(api: Api, cloud: LiveCloud) -> None:
    subject = unique("revoked")
    given = bearer(cloud, subject)
    warm(api, subject, given)
    with ThreadPoolExecutor(8) as pool:

        def eight() -> set[int]:
            return {answer.status for answer in pool.map(lambda _: api.get(at(subject), given), range(32))}

        assert eight() == {200}
        processes = len(cloud.worker_pids("api_handler"))
        with revoked(api, principal=subject) as since:
            after_the_bound(since)
            answers = eight()

    assert processes > 1
    assert answers == {401}


def test_access_that_was_given_back_counts_within_five_seconds(api: Api, cloud: LiveCloud) -> None:
    subject = unique("lifted")
    given = bearer(cloud, subject)
    warm(api, subject, given)
    with revoked(api, principal=subject) as since:
        after_the_bound(since)
        assert api.get(at(subject), given).status == 401

    after_the_bound(time.monotonic())

    assert api.get(at(subject), given).status == 200


def test_revocations_that_are_made_at_the_same_time_all_hold(api: Api, cloud: LiveCloud) -> None:
    subjects = [unique("together") for _ in range(4)]
    bearers = {subject: bearer(cloud, subject) for subject in subjects}
    for subject, given in bearers.items():
        warm(api, subject, given)

    with ExitStack() as made, ThreadPoolExecutor(4) as pool:
        sinces = list(pool.map(lambda subject: made.enter_context(revoked(api, principal=subject)), subjects))
        after_the_bound(max(sinces))
        answers = [api.get(at(subject), given).status for subject, given in bearers.items()]

    assert answers == [401] * 4


def test_a_policy_that_was_narrowed_counts_within_five_seconds(api: Api, cloud: LiveCloud) -> None:
    subject, group = unique("narrowed"), f"readers-{secrets.token_hex(4)}"
    put_policy(cloud, group, READ)
    given = bearer(cloud, subject, group)
    warm(api, subject, given)

    after_the_bound(put_policy(cloud, group, LITTLE))

    assert api.get(at(subject), given).status == 403
    assert admissions(cloud, subject) == ["admitted"]
    after_the_bound(put_policy(cloud, group, READ))
    assert api.get(at(subject), given).status == 200


def test_a_deny_for_a_group_that_had_no_policy_counts_within_five_seconds(api: Api, cloud: LiveCloud) -> None:
    subject, group = unique("suspended"), f"suspended-{secrets.token_hex(4)}"
    given = bearer(cloud, subject, "consumer", group)
    warm(api, subject, given)

    after_the_bound(put_policy(cloud, group, {"effect": "Deny", "methods": ["*"], "paths": ["/*"]}))

    assert api.get(at(subject), given).status == 403


def test_the_socket_of_a_revoked_principal_is_closed_and_nothing_opens_another(api: Api, cloud: LiveCloud) -> None:
    subject = unique("watching")
    caller = Caller(cloud.api_url, bearer(cloud, subject))
    unused = caller.ticket()
    with caller.join() as watcher, ExitStack() as stack:
        watcher.snapshot()
        api.hand_in(subject)
        watcher.updates(2)

        since = stack.enter_context(revoked(api, principal=subject))
        closed = watcher.is_closed_within(30)
        after_the_bound(since)
        ticket = caller.ask("POST", "/tickets", {})
        handshake = refusal(unused["url"])

    assert closed
    assert (ticket.status, handshake) == (401, 403)
    assert registry(cloud, subject) == []


@pytest.mark.parametrize("why", ["bearer", "policy", "expiry"])
def test_a_socket_hears_nothing_more_and_is_closed_at_the_next_push(api: Api, cloud: LiveCloud, why: str) -> None:
    subject, group, jti = unique("watching"), f"watchers-{secrets.token_hex(4)}", secrets.token_hex(8)
    put_policy(cloud, group, READ, TICKETS)
    life = {"ttl": 15} if why == "expiry" else {}
    caller = Caller(cloud.api_url, bearer(cloud, subject, group, jti=jti, **life))
    born = time.monotonic()
    with caller.join() as watcher, ExitStack() as stack:
        watcher.snapshot()
        if why == "bearer":
            after_the_bound(stack.enter_context(revoked(api, bearer=jti)))
        elif why == "policy":
            after_the_bound(put_policy(cloud, group, LITTLE))
        else:
            time.sleep(max(0.0, born + 20.5 - time.monotonic()))
        api.hand_in(subject)

        assert heard_until_closed(watcher) == []
    assert registry(cloud, subject) == []


def test_who_pings_after_its_end_is_answered_nothing_and_closed(api: Api, cloud: LiveCloud) -> None:
    subject, jti = unique("pinging"), secrets.token_hex(8)
    caller = Caller(cloud.api_url, bearer(cloud, subject, jti=jti))
    with caller.join() as watcher, ExitStack() as stack:
        watcher.snapshot()
        assert watcher.say({"action": "ping"}) == {"type": "pong"}
        after_the_bound(stack.enter_context(revoked(api, bearer=jti)))

        watcher.socket.send('{"action": "ping"}')

        assert heard_until_closed(watcher) == []
    assert registry(cloud, subject) == []


def test_who_may_end_access_and_whose(api: Api, cloud: LiveCloud) -> None:
    subject = unique("nobody")
    for given in (api.consumer(subject), api.producer):
        assert api.post("/revocations", given, body={"principal": subject}).status == 403
        assert api.get("/revocations", given).status == 403

    own = api.post("/revocations", api.admin, body={"principal": "operator"})

    assert (own.status, own.code) == (409, "would_lock_out")
