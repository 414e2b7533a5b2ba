"""`./dev ops keys`: what is there, one more, none."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.errors import Unavailable
from chalicelib.model.branch_key import Shredded
from chalicelib.model.clock import SECOND
from chalicelib.model.deposit import Deposit
from chalicelib.model.job import Status, Type, first_job
from chalicelib.model.provider import sealed_under
from chalicelib.seal.keyring import SETTLED, Keyring
from chalicelib.seal.sealer import Sealer
from chalicelib.store import keys
from chalicelib.store.providers import Providers
from chalicelib.store.table import Table
from devtool import cli
from devtool.errors import DevError
from devtool.ops import keys as ops_keys
from devtool.ops import shredding
from devtool.ops import stage as stages
from devtool.ops.stage import Stage, now
from tests.chalicelib.examples import HOOK, a_place, a_token, an_id
from tests.chalicelib.model.test_renewal import provider
from tests.devtool.stuck import printed

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET = "MARKER-secret-9b1c"
HERE = ("production", "shop")
TYPED = ["--environment", "production", "--domain", "shop"]


@pytest.fixture(autouse=True)
def typed_here(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "local", lambda: stage)


def hand_in(stage: Stage, *numbers: int, **place: str) -> None:
    """Store tokens as a process that has just started does."""
    sealer = Sealer(stage.keyring())
    for number in numbers:
        token = a_token(number, place=a_place(provider=f"p{number}", **place), accepted_at=now())
        sealed, version = sealer.seal(SECRET.encode(), token.place, token.id)
        job = first_job(token.id, Type.STORE, token, requester=HOOK, now=now())
        stage.jobs.accept(Deposit(job=job, token=token, sealed=sealed, body_mark=b"m", key_version=version))


def ops(capsys: pytest.CaptureFixture[str], *typed: str) -> Any:
    """Type a command, and return the rows that it prints."""
    assert cli.main(["ops", "--json", "keys", *typed]) == 0
    return printed(capsys)


def refused(capsys: pytest.CaptureFixture[str], *typed: str) -> str:
    """Type a command that fails, and return what it says."""
    assert cli.main(["ops", "keys", *typed]) == 1
    return capsys.readouterr().err


def versions(stage: Stage) -> Sequence[int]:
    return [one.version for one in stage.branch_keys.versions(*HERE)]


def test_versions_are_listed_with_their_dates_and_nothing_of_the_keys(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(stage, 1)
    stage.keyring().rotate(*HERE)
    first = stage.table.get(keys.branch_key(*HERE, 1))
    stage.table.update(keys.branch_key(*HERE, 1), "REMOVE made_at")

    rows = ops(capsys, "list", *TYPED)

    assert [(row["version"], row["state"]) for row in rows] == [(1, "opens"), (2, "seals and opens")]
    assert rows[0]["made"] == "-"
    assert rows[1]["made"].startswith("20")
    assert first is not None
    assert str(first["wrapped"]) not in json.dumps(rows)
    assert cli.main(["ops", "keys", "list", "--environment", "production", "--domain", "empty"]) == 0
    assert "there is no key of production/empty" in capsys.readouterr().out


def test_a_rotation_adds_a_version_and_leaves_a_job_that_is_found_by_its_id(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(stage, 1, 2, 3)

    (row,) = ops(capsys, "rotate", *TYPED)

    job = stage.jobs.job(row["job"])
    assert (row["version"], versions(stage)) == (2, [1, 2])
    assert (job.type, job.status, job.requester, job.subject) == (Type.RESEAL, Status.PENDING, "ops", "ops")
    assert job.input == {"environment": "production", "domain": "shop", "version": 2, "items": 4}
    assert cli.main(["ops", *row["progress"].split()[2:]]) == 0
    assert "domain.reseal" in capsys.readouterr().out
    item = stage.table.get(keys.job_key(job.id))
    assert item is not None
    assert item["ttl"] * SECOND > job.deadline_at, "its record outlives it"


def test_a_rotation_that_meets_another_stores_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(stage, 1)
    generate = stage.keyring().rotate

    class Meeting(Keyring):
        def _made(self, environment: str, domain: str, version: int) -> Any:
            generate(environment, domain)
            return super()._made(environment, domain, version)

    monkeypatch.setattr(stages, "Keyring", Meeting)

    assert "was rotated by somebody else at this moment" in refused(capsys, "rotate", *TYPED)
    assert versions(stage) == [1, 2]
    assert [job for shard in stage.open_jobs.shards() for job in stage.open_jobs.due(shard, now() + SETTLED)] == [
        stage.jobs.job(an_id(1))
    ]


@pytest.mark.parametrize("verb", ["rotate", "shred"])
def test_what_is_mistyped_is_neither_rotated_nor_shredded(
    stage: Stage, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    hand_in(stage, 1)

    assert "no key of production/shpo" in refused(capsys, verb, "--environment", "production", "--domain", "shpo")
    assert "a domain has 1 to 64" in refused(capsys, verb, "--environment", "production", "--domain", "A#B")
    assert versions(stage) == [1]


def test_a_shredding_proves_that_tokens_which_opened_do_not_any_more(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(stage, *range(1, 9))
    stage.keyring().rotate(*HERE)
    hand_in(stage, 20, domain="other")

    assert cli.main(["ops", "--json", "keys", "shred", *TYPED, "--yes-shred", "production/shop"]) == 0
    output = capsys.readouterr()

    (row,) = json.loads(output.out)
    assert SECRET not in output.out + output.err
    assert (row["shredded"], row["versions"], row["opened before"], row["open now"]) == ("production/shop", 2, 5, 0)
    assert versions(stage) == [3]
    assert "were shredded at 20" in refused(capsys, "rotate", *TYPED)
    assert "were shredded at 20" in refused(capsys, "shred", *TYPED, "--yes-shred", "production/shop")
    (other,) = shredding._sample(stage, "production", "other")
    assert Sealer(stage.keyring()).open(other.sealed, other.place, other.id) == SECRET.encode()
    hand_in(stage, 30)
    assert versions(stage) == [3, 4]


@pytest.mark.parametrize(
    ("answer", "typed"),
    [("", []), ("shop\n", []), ("production/other\n", []), ("", ["--yes-shred", "production/shpo"])],
)
def test_without_its_name_nothing_is_shredded(
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    typed: list[str],
) -> None:
    hand_in(stage, 1)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    assert "nothing was shredded: that is not production/shop" in refused(capsys, "shred", *TYPED, *typed)
    assert versions(stage) == [1]


def test_typed_by_hand_its_name_shreds(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(stage, 1)
    monkeypatch.setattr("sys.stdin", io.StringIO("production/shop\n"))

    assert cli.main(["ops", "keys", "shred", *TYPED]) == 0

    assert "No token of production/shop will ever open again." in capsys.readouterr().err
    assert versions(stage) == [2]


def test_the_default_domain_is_shredded_with_its_credentials_only_if_that_is_said(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    place, sealed_id = sealed_under(provider().name)
    sealed, _ = Sealer(stage.keyring()).seal(b"credential", place, sealed_id)
    Providers(stage.table).put(provider(), sealed, None)
    Providers(stage.table).put(provider(name="public"), None, None)
    typed = ["shred", "--environment", "default", "--domain", "default", "--yes-shred", "default/default"]

    told = refused(capsys, *typed)
    assert "the credentials of 1 providers" in told
    assert "--with-credentials" in told

    (row,) = ops(capsys, *typed, "--with-credentials")
    assert (row["opened before"], row["open now"]) == (1, 0)


def test_a_shredding_that_was_interrupted_is_finished(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    hand_in(stage, 1)
    item = stage.table.get(keys.branch_key(*HERE, 1))
    stage.branch_keys.shred(*HERE, now())
    assert item is not None
    stage.table.put(item)

    (row,) = ops(capsys, "shred", *TYPED, "--yes-shred", "production/shop")

    assert (row["versions"], row["opened before"], row["open now"]) == (1, 1, 0)
    assert versions(stage) == [2]


def test_a_token_that_still_opens_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(stage, 1)
    monkeypatch.setattr("chalicelib.store.branch_keys.BranchKeys.shred", lambda *_: 1)

    assert "1 of its tokens still open" in refused(capsys, "shred", *TYPED, "--yes-shred", "production/shop")


def test_where_kms_does_not_answer_nothing_is_rotated(stage: Stage) -> None:
    hand_in(stage, 1)

    class Away:
        def generate_data_key(self, **_: Any) -> Any:
            from botocore.exceptions import EndpointConnectionError  # noqa: PLC0415

            raise EndpointConnectionError(endpoint_url="https://kms.example")

    with pytest.raises(DevError, match="nothing was rotated: KMS did not answer"):
        ops_keys.rotated(replace(stage, kms=Away()), *HERE, as_json=True)
    assert versions(stage) == [1]


def test_a_table_that_refuses_is_named_without_a_traceback(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = replace(stage, table=Table(stage.table._client, "no-such-table"))
    monkeypatch.setattr(stages, "local", lambda: gone)

    assert refused(capsys, "list", *TYPED) == "dev: the table answered ResourceNotFoundException\n"


def test_a_shredding_keeps_what_verifies_receipts_also_of_versions_that_were_made_before_there_were_any(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(stage, 1)
    stage.keyring().rotate(*HERE)
    stage.table.update(keys.branch_key(*HERE, 1), "REMOVE receipt_key")

    (row,) = ops(capsys, "shred", *TYPED, "--yes-shred", "production/shop")

    (mark,) = stage.branch_keys.versions(*HERE)
    assert row["receipts verify"] == "2 of 2 versions"
    assert isinstance(mark, Shredded)
    assert sorted(mark.receipt_keys) == [1, 2]


def test_a_kms_that_does_not_answer_keeps_no_key_from_being_shredded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hand_in(stage, 1)
    stage.table.update(keys.branch_key(*HERE, 1), "REMOVE receipt_key")

    def silent(*_: object) -> list[object]:
        raise Unavailable

    monkeypatch.setattr("chalicelib.seal.receipts.Receipts.complete", silent)

    (row,) = ops(capsys, "shred", *TYPED, "--yes-shred", "production/shop")

    assert (row["versions"], row["open now"], row["receipts verify"]) == (1, 0, "0 of 1 versions")
