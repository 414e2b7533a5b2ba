"""What an operator finds: jobs that are stuck, dead letters, quarantined records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from chalicelib.admit.jwks import TERMS
from chalicelib.model.cached import Entry
from chalicelib.model.clock import SECOND
from chalicelib.model.job import Job, Type, first_job
from chalicelib.model.quarantine import Sighting
from chalicelib.store.items import deposit_to_item, job_to_item
from chalicelib.store.leases import Leases
from devtool.ops.stage import Stage, now
from tests.chalicelib.examples import a_deposit, a_place, an_id

if TYPE_CHECKING:
    import pytest

A_MINUTE = 60 * SECOND
MARKER = b"MARKER-sealed-7f3a"
MARK = b"MARKER-of-the-body"


def stored(stage: Stage, number: int, *, age: int, job_type: Type = Type.STORE, **changes: Any) -> Job:
    """Keep a job that was accepted `age` microseconds ago."""
    then = now() - age
    deposit = a_deposit(number, place=a_place(subject=f"subject-{number}"), accepted_at=then)
    deposit = replace(deposit, sealed=MARKER, body_mark=MARK)
    if job_type is Type.STORE:
        job = replace(deposit.job, **changes)
        stage.table.put(deposit_to_item(replace(deposit, job=job)))
    else:
        job = replace(first_job(an_id(number), job_type, deposit.token, requester="jane", now=then), **changes)
        stage.table.put(job_to_item(job, ttl=now() // SECOND + 3_600))
    return job


def claimed(stage: Stage, job: Job, *, ago: int) -> Job:
    held = Leases(stage.table).claim(job, "worker-a", now() - ago)
    assert held is not None
    return held


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def bodies(stage: Stage, url: str) -> list[str]:
    answer = stage.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=1)
    return sorted(json.loads(message["Body"])["job_id"] for message in answer.get("Messages", []))


def bury(stage: Stage, *texts: str) -> None:
    """Put messages into the dead-letter queue."""
    for text in texts:
        stage.sqs.send_message(QueueUrl=stage.dead_letter_queue_url, MessageBody=text)


def aside(stage: Stage, pointer: str, job_id: str | None, *, is_final: bool = True) -> None:
    sighting = Sighting(source="advance", pointer=pointer, job_id=job_id, reason="unreadable", is_final=is_final)
    stage.quarantine.sighted(sighting, now() - 5 * A_MINUTE)


def cached(stage: Stage, name: str, document: bytes) -> None:
    """Keep a document as an authorizer does that has just fetched it."""
    begun = Entry(name=name).leased(TERMS, now())
    stage.cache.write(begun.fetched(document, TERMS, now()), seen=Entry(name=name))
