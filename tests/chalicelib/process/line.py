"""The stream's consumer over a table of a test's own, and all that is seen of it."""

from __future__ import annotations

import base64
import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from chalicelib.model.provider import AuthMethod, Provider
from chalicelib.process.handlers import Advance
from chalicelib.process.steps import Steps
from chalicelib.process.together import Together
from chalicelib.renew.settle import Plans, Settling
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import deposit_to_item
from chalicelib.store.jobs import Jobs
from chalicelib.store.quarantine import Quarantine
from chalicelib.store.records import read_record
from chalicelib.store.table import Table
from tests.chalicelib.examples import NOW, Facts, a_deposit, a_place, an_id
from tests.chalicelib.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from chalicelib.model.deposit import Deposit
    from chalicelib.process.handlers import Reporting

Record = dict[str, Any]


class Sent:
    """A queue: a list that records."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def send(self, job_id: str) -> None:
        self.jobs.append(job_id)


def a_provider(name: str, **changes: Any) -> Provider:
    return Provider(
        name=name,
        client_id="cloakroom",
        auth_method=AuthMethod.BASIC,
        token_endpoint="https://provider.example/token",
        updated_at=NOW,
        updated_by="root",
        **changes,
    )


class Known:
    """The providers: `replacing` has replaced tokens revoked."""

    def known(self, name: str) -> Provider | None:
        return a_provider(name, revoke_replaced=True) if name == "replacing" else None


@dataclass
class Line:
    """The stream's consumer over one table, and all that is seen of it."""

    advance: Advance
    jobs: Jobs
    client: Watched
    queue: Sent
    facts: Facts

    def __call__(self, records: Sequence[Record]) -> dict[str, Any]:
        return self.advance(list(records))

    def statuses(self, *numbers: int) -> list[str]:
        return [self.jobs.job(an_id(number)).status for number in numbers]


def line_over(table: Table, reporting: Reporting, pool: Executor, *, together: bool) -> Line:
    client = Watched(table._client)
    watched = Table(client, table.name, pause=lambda _: None)
    jobs, queue, facts = Jobs(watched), Sent(), Facts()
    ids = itertools.count(900_000)
    settle = Settling(jobs=jobs, providers=Known(), new_id=lambda: an_id(next(ids)))
    steps = Steps(settle=settle, queue=queue, now=lambda: NOW + 999, fact=facts)
    ahead = Together(
        read=read_record,
        plan=Plans(providers=Known()).settlement,
        settle=jobs.settle_together,
        settled=steps.settled,
        pool=pool,
        now=lambda: NOW + 999,
        fact=facts,
        failure=facts,
    )
    advance = Advance(
        read=read_record,
        steps=steps,
        reporting=replace(reporting, quarantine=Quarantine(table), fact=facts, failure=facts),
        together=ahead if together else None,
    )
    return Line(advance, jobs, client, queue, facts)


def of_its_own(number: int, **changes: Any) -> Deposit:
    return a_deposit(number, place=a_place(subject=f"subject-{number}"), **changes)


def record(item: dict[str, object], sequence: int) -> Record:
    """Return the record of an item as the stream brings it."""
    image = json.loads(json.dumps(to_attributes(item), default=lambda content: base64.b64encode(content).decode()))
    key = {"pk": image["pk"], "sk": image["sk"]}
    return {"dynamodb": {"SequenceNumber": str(sequence), "Keys": key, "NewImage": image}}


def brought(line: Line, *numbers: int) -> list[Record]:
    """Accept deposits in places of their own, and return their records."""
    for number in numbers:
        assert line.jobs.accept(of_its_own(number)) is None
    return [record(deposit_to_item(of_its_own(number)), number) for number in numbers]
