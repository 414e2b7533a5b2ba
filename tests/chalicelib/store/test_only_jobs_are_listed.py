"""A list reads whatever its index names as a job: so nothing else in the table may carry an index's keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from chalicelib.model.branch_key import WrappedKey
from chalicelib.model.cached import Entry
from chalicelib.model.clock import SECOND
from chalicelib.model.imports import Refusal, Source
from chalicelib.model.job import Status
from chalicelib.model.quarantine import Sighting
from chalicelib.store.access import Revocations
from chalicelib.store.attributes import from_attributes
from chalicelib.store.branch_keys import BranchKeys
from chalicelib.store.cached import CachedDocuments
from chalicelib.store.connections import Connections
from chalicelib.store.imports import Imports
from chalicelib.store.leases import Leases
from chalicelib.store.limits import Limits
from chalicelib.store.policies import Policies
from chalicelib.store.providers import Providers
from chalicelib.store.quarantine import Quarantine
from chalicelib.store.tickets import Tickets
from tests.chalicelib.examples import NOW, a_connection, a_deposit, a_place, a_revocation, a_watch, an_end
from tests.chalicelib.model.test_renewal import provider
from tests.chalicelib.process.many import a_request
from tests.guards.project import ROOT, TEMPLATE

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.store.jobs import Jobs
    from chalicelib.store.table import Table

KINDS = {
    "job",
    "current",
    "branch_key",
    "policy",
    "epoch",
    "revocation",
    "ticket",
    "connection",
    "watch",
    "quarantine",
    "provider",
    "limit",
    "cache",
    "refusals",
    "audit",
}
INDEXES = {one["IndexName"]: one for one in TEMPLATE["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]}


@pytest.fixture
def full(table: Table, jobs: Jobs) -> Table:
    """Return a table with an item of every kind as the service writes it, and jobs that stand in every index."""
    for number, name in enumerate(("google", "slack", "github", "hybris"), 1):
        jobs.accept(a_deposit(number, place=a_place(provider=name)))
    deposits = [jobs.deposit(a_deposit(number).job.id) for number in (1, 2, 3)]
    jobs.settle(deposits[0].job, deposits[0].token, NOW, NOW // SECOND)
    Leases(table).end_as_seen(deposits[1].job, Status.FAILED, NOW, {"error": {"code": "x"}})
    jobs.revoke(deposits[2], a_revocation(9, deposits[2].token), NOW)
    Connections(table).join(a_connection())
    Tickets(table).issue("ticket", a_watch(), NOW)
    Policies(table, lambda: NOW).put(
        {"group": "g", "statements": [{"effect": "Allow", "methods": ["GET"], "paths": ["/jobs"]}]}
    )
    Revocations(table).revoke(an_end(), NOW)
    request = a_request(Source(key="k", etag="e", size=1), 8)
    Imports(table).accept(request)
    Imports(table).refuse(request.job, 1, [Refusal(line=1, code="invalid_body", field=None, rule="r")])
    BranchKeys(table).add(WrappedKey(environment="e", domain="d", version=1, wrapped=b"w", check=b"c"))
    Quarantine(table).sighted(Sighting(source="work", pointer="p", job_id="j", reason="r", is_final=True), NOW)
    Providers(table).put(provider(), None, None)
    CachedDocuments(table).write(Entry(name="n").dropped(NOW), seen=Entry(name="n"))
    Limits(table, now=lambda: NOW, pause=lambda _: None, chance=lambda: 0.0).enter(provider(), "job")
    return table


def test_here_is_an_item_of_every_kind_that_the_service_writes(full: Table) -> None:
    """A new kind of item makes this fail, and with it in `full` the next test judges it."""
    files = (ROOT / "chalicelib" / "store").glob("*.py")
    named = {kind for file in files for kind in _kinds(file)}
    items = full._client.scan(TableName=full.name)["Items"]

    assert {from_attributes(item)["kind"] for item in items} == named == KINDS


@pytest.mark.parametrize("index", sorted(INDEXES))
def test_only_jobs_stand_in_an_index_of_jobs_and_only_entries_in_one_of_the_audit(full: Table, index: str) -> None:
    rows = full._client.scan(TableName=full.name, IndexName=index)["Items"]

    assert rows
    kind = "AUDIT" if index.startswith("audit") else "JOB"
    assert {row["pk"]["S"].partition("#")[0] for row in rows} == {kind}


@pytest.mark.parametrize("index", ["jobs-of-subject", "jobs-of-type", "unsuccessful-jobs"])
def test_the_index_of_a_list_holds_keys_alone_so_that_no_change_of_a_job_is_written_to_it(index: str) -> None:
    assert INDEXES[index]["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def _kinds(file: Path) -> list[str]:
    return re.findall(r"\bkind\"?(?::|=) ?\"(\w+)\"", file.read_text(encoding="utf-8"))
