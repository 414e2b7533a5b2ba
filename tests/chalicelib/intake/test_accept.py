from __future__ import annotations

import http.client
import itertools
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from chalicelib.errors import IdempotencyKeyReused, NotFound, Unavailable
from chalicelib.intake.accept import Intake, idempotent_id
from chalicelib.intake.reading import read_hand_in
from chalicelib.model.audit import Who
from chalicelib.model.clock import SECOND
from chalicelib.model.receipt import Receipt
from chalicelib.model.token import Secret
from chalicelib.seal.kms import KmsWrapper
from chalicelib.seal.receipt import is_signed, public_key, read
from chalicelib.seal.sealer import Sealer, Sealing
from chalicelib.store.branch_keys import BranchKeys
from chalicelib.store.jobs import Jobs
from chalicelib.store.table import Table
from tests.chalicelib.aws.both import KINDS, dynamodb_client, kms_client, operations_of
from tests.chalicelib.aws.scripted import Scripted, says
from tests.chalicelib.examples import HOOK, NOW, an_id
from tests.chalicelib.intake.bodies import body, token
from tests.chalicelib.seal.counting import CountedWrapper, a_process

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from concurrent.futures import Executor

    from chalicelib.model.deposit import Deposit
    from devtool.testing import LiveCloud
    from tests.chalicelib.examples import Clock


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kms(kind: str, cloud: LiveCloud, key_id: str) -> CountedWrapper:
    return CountedWrapper(KmsWrapper(kms_client(kind, cloud.endpoint), key_id))


@pytest.fixture
def login_table(kind: str, cloud: LiveCloud, table: Table) -> Table:
    return Table(dynamodb_client(kind, cloud.endpoint), table.name)


@pytest.fixture
def sealer(login_table: Table, kms: CountedWrapper, clock: Clock) -> Sealer:
    return Sealer(a_process(login_table, kms, clock))


@pytest.fixture
def intake(login_table: Table, sealer: Sealer, clock: Clock) -> Intake:
    return Intake(deposits=Jobs(login_table), sealer=sealer, now=clock, new_id=ids())


def ids() -> Any:
    numbers = itertools.count(1)
    lock = threading.Lock()

    def mint() -> str:
        with lock:
            return an_id(next(numbers))

    return mint


def accept(intake: Intake, raw: bytes, key: str | None = None, requester: str = HOOK) -> tuple[str, bool]:
    job, is_new, _ = intake.accept(read_hand_in(raw), by=Who(principal=requester), idempotency_key=key)
    return job.id, is_new


def stored_jobs(table: Table) -> list[dict[str, Any]]:
    answer = table._client.scan(TableName=table.name, FilterExpression="begins_with(pk, :job)", **JOB)
    return list(answer["Items"])


JOB = {"ExpressionAttributeValues": {":job": {"S": "JOB#"}}}


class LostAnswer:
    """A table whose first answer is lost: the client library sends the same write again."""

    def __init__(self, inner: Jobs) -> None:
        self._inner = inner

    def accept(self, deposit: Deposit, *, meanwhile: Callable[[], None]) -> Deposit | None:
        self._inner.accept(deposit, meanwhile=meanwhile)
        return self._inner.accept(deposit, meanwhile=meanwhile)


def test_a_token_is_stored_before_the_answer(intake: Intake, jobs: Jobs, sealer: Sealer) -> None:
    job, is_new, _ = intake.accept(read_hand_in(body()), by=Who(principal=HOOK), idempotency_key=None)

    stored = jobs.deposit(job.id)
    assert is_new is True
    assert (job.id, job.status, job.rev, job.requester) == ("aaaaaaaaaaaaaaaaaaaaaaaaab", "PENDING", 1, "login-hook")
    assert (stored.token.accepted_at, stored.token.expires_at) == (NOW, NOW // SECOND + 3_600)
    assert (stored.token.token_type, stored.token.has_refresh_token) == ("Bearer", True)
    assert stored.token.metadata == {"shop": "north"}
    assert Secret.from_bytes(sealer.open(stored.sealed, stored.token.place, job.id)) == Secret(
        access_token="ya29.opaque",
        refresh_token="1//refresh",
        extra={"instance_url": "https://eu.example.com"},
    )


def test_nothing_of_the_secret_is_in_the_table_in_the_clear(intake: Intake, table: Table) -> None:
    accept(intake, token(access_token="MARKER-a", refresh_token="MARKER-r", extra={"k": "MARKER-e"}))

    (item,) = stored_jobs(table)
    assert b"MARKER" not in str(item).encode()


def test_an_expiry_given_as_a_moment_is_kept_to_the_second(intake: Intake, jobs: Jobs) -> None:
    job_id, _ = accept(intake, token(expires_at="2027-01-15T10:00:00.999+02:00"))

    assert jobs.deposit(job_id).token.expires_at == NOW // SECOND


def test_an_expiry_given_as_text_counts_like_a_number(intake: Intake, jobs: Jobs) -> None:
    job_id, _ = accept(intake, token(expires_in="60"))

    assert jobs.deposit(job_id).token.expires_at == NOW // SECOND + 60


def test_without_a_key_each_request_is_a_job_of_its_own(intake: Intake, table: Table) -> None:
    first, second = accept(intake, body()), accept(intake, body())

    assert first == ("aaaaaaaaaaaaaaaaaaaaaaaaab", True)
    assert second == ("aaaaaaaaaaaaaaaaaaaaaaaaac", True)
    assert len(stored_jobs(table)) == 2


def test_the_same_key_and_body_give_the_same_job(intake: Intake, table: Table) -> None:
    first, again = accept(intake, body(), "login-1"), accept(intake, body(), "login-1")

    assert first[1] is True
    assert again == (first[0], False)
    assert len(stored_jobs(table)) == 1


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(intake: Intake, jobs: Jobs) -> None:
    job_id, _ = accept(intake, body(), "login-1")
    before = jobs.deposit(job_id)

    with pytest.raises(IdempotencyKeyReused):
        accept(intake, token(access_token="ya29.other"), "login-1")

    assert jobs.deposit(job_id) == before


@pytest.mark.parametrize("other", [body(subject="john"), body(domain="other"), body(environment="staging")])
def test_the_same_key_for_another_place_is_refused(intake: Intake, other: bytes) -> None:
    accept(intake, body(), "login-1")

    with pytest.raises(IdempotencyKeyReused):
        accept(intake, other, "login-1")


def test_the_same_key_of_another_requester_is_another_job(intake: Intake) -> None:
    mine, theirs = accept(intake, body(), "login-1"), accept(intake, body(), "login-1", requester="other-hook")

    assert mine[0] != theirs[0]
    assert (mine[1], theirs[1]) == (True, True)


def test_our_own_write_sent_again_after_a_lost_answer_is_recognised(intake: Intake, jobs: Jobs, sealer: Sealer) -> None:
    unlucky = Intake(deposits=LostAnswer(jobs), sealer=sealer, now=intake.now, new_id=intake.new_id)

    job, *_ = unlucky.accept(read_hand_in(body()), by=Who(principal=HOOK), idempotency_key=None)

    assert job == jobs.job(job.id)


@pytest.mark.parametrize("key", [None, "login-1"])
def test_a_write_whose_answer_the_network_swallowed_is_sent_again_and_known_as_ours(
    table: Table, cloud: LiveCloud, sealer: Sealer, clock: Clock, key: str | None
) -> None:
    answers: list[int] = []

    def passes_on(_: socket.socket) -> tuple[int, bytes]:
        headers, sent = between.heard[-1]
        with closing(http.client.HTTPConnection(urlsplit(cloud.endpoint).netloc)) as there:
            there.request("POST", "/", sent, {name: text for name, text in headers.items() if name[0] != ":"})
            reply = there.getresponse()
            answers.append(reply.status)
            return reply.status, reply.read()

    def swallows(connection: socket.socket) -> bool:
        passes_on(connection)
        return False

    def answers_now(connection: socket.socket) -> bool:
        return says(*passes_on(connection))(connection)

    with Scripted([swallows, answers_now]) as between:
        endpoint = f"http://{between.endpoint.authority}"
        unlucky = Intake(
            deposits=Jobs(Table(dynamodb_client("ours", endpoint), table.name)), sealer=sealer, now=clock, new_id=ids()
        )
        job, is_new, _ = unlucky.accept(read_hand_in(body()), by=Who(principal=HOOK), idempotency_key=key)

    assert answers == [200, 400]
    assert not is_new
    assert job == Jobs(table).job(job.id)
    assert len(stored_jobs(table)) == 1


def test_a_body_is_recognised_also_after_its_key_was_rotated(intake: Intake, sealer: Sealer) -> None:
    first, _ = accept(intake, body(), "login-1")
    sealer.keyring.rotate("production", "shop")

    assert accept(intake, body(), "login-1") == (first, False)
    with pytest.raises(IdempotencyKeyReused):
        accept(intake, token(access_token="ya29.other"), "login-1")


def test_a_job_that_has_moved_on_is_shown_as_it_is_now(intake: Intake, jobs: Jobs) -> None:
    job_id, _ = accept(intake, body(), "login-1")
    deposit = jobs.deposit(job_id)
    jobs.settle(deposit.job, deposit.token, NOW)

    job, is_new, _ = intake.accept(read_hand_in(body()), by=Who(principal=HOOK), idempotency_key="login-1")

    assert (job.status, is_new) == ("SUCCEEDED", False)


def test_32_at_once_with_one_key_store_one_token(intake: Intake, table: Table, pool: Executor) -> None:
    answers = list(pool.map(lambda _: accept(intake, body(), "login-1"), range(32)))

    assert len({job_id for job_id, _ in answers}) == 1
    assert sorted(is_new for _, is_new in answers) == [False] * 31 + [True]
    assert len(stored_jobs(table)) == 1


def test_32_at_once_without_a_key_store_32(intake: Intake, table: Table, pool: Executor) -> None:
    answers = list(pool.map(lambda _: accept(intake, body()), range(32)))

    assert len({job_id for job_id, _ in answers}) == 32
    assert len(stored_jobs(table)) == 32


def test_a_table_that_does_not_answer_is_an_error_and_no_answer(kind: str, sealer: Sealer, clock: Clock) -> None:
    nobody = Jobs(Table(dynamodb_client(kind, "http://127.0.0.1:9"), "any"))
    intake = Intake(deposits=nobody, sealer=sealer, now=clock, new_id=ids())

    with pytest.raises(Unavailable):
        accept(intake, body())


def test_a_kms_that_does_not_answer_is_an_error_and_stores_nothing(
    kind: str, table: Table, jobs: Jobs, clock: Clock
) -> None:
    nobody = KmsWrapper(kms_client(kind, "http://127.0.0.1:9"), "any")
    intake = Intake(deposits=jobs, sealer=Sealer(a_process(table, nobody, clock)), now=clock, new_id=ids())

    with pytest.raises(Unavailable):
        accept(intake, body())

    assert stored_jobs(table) == []


def test_a_shredded_domain_recognises_nothing(intake: Intake, table: Table, clock: Clock) -> None:
    accept(intake, body(), "login-1")
    BranchKeys(table).shred("production", "shop", clock.now)
    clock.pass_seconds(300)

    with pytest.raises(IdempotencyKeyReused):
        accept(intake, body(), "login-1")
    assert accept(intake, body(), "login-2")[1], "a new hand-in is stored, under the next version"
    assert BranchKeys(table).latest("production", "shop").version == 3


def receipted(intake: Intake, raw: bytes, key: str | None = None) -> str:
    return intake.accept(read_hand_in(raw), by=Who(principal=HOOK), idempotency_key=key)[2]


def test_a_receipt_names_the_stored_id_time_and_mark(intake: Intake, jobs: Jobs, sealer: Sealer) -> None:
    job, _, text = intake.accept(read_hand_in(body()), by=Who(principal=HOOK), idempotency_key=None)

    stored, receipt = jobs.deposit(job.id), read(text)
    assert receipt == Receipt(
        environment="production", domain="shop", version=1, id=job.id, accepted_at=NOW, body=stored.body_mark or b""
    )
    assert is_signed(text, public_key(sealer.keyring.current("production", "shop")))


def test_the_same_request_gives_the_same_receipt_later_after_a_rotation_and_in_another_process(
    intake: Intake, table: Table, kms: CountedWrapper, clock: Clock
) -> None:
    first = receipted(intake, body(), "login-1")
    clock.pass_seconds(30)
    again = receipted(intake, body(), "login-1")
    a_process(table, kms, clock).rotate("production", "shop")
    rotated = receipted(intake, body(), "login-1")
    other = replace(intake, sealer=Sealer(a_process(table, kms, clock)))

    assert [again, rotated, receipted(other, body(), "login-1")] == [first] * 3
    assert receipted(other, body(), "login-2") != first


def test_our_own_write_sent_again_after_a_lost_answer_has_one_receipt(intake: Intake, jobs: Jobs) -> None:
    unlucky = replace(intake, deposits=LostAnswer(jobs))

    assert receipted(unlucky, body(), "login-1") == receipted(intake, body(), "login-1")


def test_without_a_key_each_hand_in_has_a_receipt_of_its_own(intake: Intake) -> None:
    assert len({receipted(intake, body()) for _ in range(8)}) == 8


def test_a_receipt_adds_no_request_to_the_path(intake: Intake, login_table: Table, kms: CountedWrapper) -> None:
    receipted(intake, body())
    asked = operations_of(login_table._client)

    for number in range(50):
        receipted(intake, body(), f"login-{number}")

    assert asked == ["PutItem"] * 50
    assert kms.asked == ["generate"], "by the domain's first token"


def test_a_receipt_is_signed_while_the_table_s_answer_is_under_way(sealer: Sealer, clock: Clock) -> None:
    signed = threading.Event()

    class Watched(Sealing):
        def signer(self) -> Callable[[Receipt], str]:
            sign = Sealing.signer(self)

            def watched(receipt: Receipt) -> str:
                signed.set()
                return sign(receipt)

            return watched

    class WatchedKeys(Sealer):
        def newest(self, environment: str, domain: str) -> Sealing:
            return Watched(super().newest(environment, domain).branch)

    def answers_later(connection: socket.socket) -> bool:
        assert signed.wait(5)
        return says(200)(connection)

    with Scripted([answers_later]) as server:
        jobs = Jobs(Table(dynamodb_client("ours", f"http://127.0.0.1:{server.endpoint.port}"), "any"))
        keys = WatchedKeys(sealer.keyring)
        _, is_new, receipt = Intake(deposits=jobs, sealer=keys, now=clock, new_id=ids()).accept(
            read_hand_in(body()), by=Who(principal=HOOK), idempotency_key=None
        )

    assert is_new
    assert read(receipt) is not None


def test_a_write_that_fails_gives_no_receipt_though_one_was_signed_meanwhile(sealer: Sealer, clock: Clock) -> None:
    with Scripted([says(500)] * 3) as server:
        jobs = Jobs(Table(dynamodb_client("ours", f"http://127.0.0.1:{server.endpoint.port}"), "any"))

        with pytest.raises(Unavailable):
            accept(Intake(deposits=jobs, sealer=sealer, now=clock, new_id=ids()), body())


def test_a_receipt_that_cannot_be_signed_stores_nothing(intake: Intake, jobs: Jobs, sealer: Sealer) -> None:
    class NoSigner(Sealing):
        def signer(self) -> Callable[[Receipt], str]:
            raise Unavailable

    class NoSigners(Sealer):
        def newest(self, environment: str, domain: str) -> Sealing:
            return NoSigner(super().newest(environment, domain).branch)

    silent = replace(intake, sealer=NoSigners(sealer.keyring))

    with pytest.raises(Unavailable):
        receipted(silent, body())
    with pytest.raises(NotFound):
        jobs.job(an_id(1))


def test_a_key_always_stands_for_the_same_id() -> None:
    assert idempotent_id("login-hook", "login-1") == "cxrozalol33hlazatmigi7qmni"


def test_a_requester_and_key_cannot_be_cut_apart_in_another_way() -> None:
    assert idempotent_id("ab", "c") != idempotent_id("a", "bc")
