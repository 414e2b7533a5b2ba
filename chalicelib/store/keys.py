"""Every key of the table, in one place. docs/architecture.md lists the access pattern that each serves.

A name from outside stands last in its key, behind names whose grammar cannot hold the separator `#`; so no choice
of names makes two different things share a key.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.model.token import Place

OPEN_SHARDS = 32
"""Partitions of the index of open jobs. Each takes 1,000 writes a second and an open job writes twice (in and out):
32 carry 16,000 jobs a second."""


def job_key(job_id: str) -> dict[str, object]:
    """Find a job, and the token with it: a stored token has the id of the job that stored it."""
    return {"pk": f"JOB#{job_id}", "sk": "JOB"}


def subject_partition(environment: str, domain: str, subject: str) -> str:
    """Find all current tokens of a subject in one Query."""
    return f"SUBJECT#{environment}#{domain}#{subject}"


def current_key(place: Place) -> dict[str, object]:
    """Find the newest token of a place."""
    return {
        "pk": subject_partition(place.environment, place.domain, place.subject),
        "sk": f"PROVIDER#{place.provider}",
    }


def branch_partition(environment: str, domain: str) -> str:
    """Find all versions of a domain's branch key."""
    return f"BRANCH#{environment}#{domain}"


def branch_key(environment: str, domain: str, version: int) -> dict[str, object]:
    """Find one version. Written with zeros in front, so that the newest sorts last."""
    return {"pk": branch_partition(environment, domain), "sk": f"VERSION#{version:010d}"}


def policy_key(group: str) -> dict[str, object]:
    """Find a group's policy."""
    return {"pk": f"POLICY#{group}", "sk": "POLICY"}


def ticket_key(ticket: str) -> dict[str, object]:
    """Find a ticket by the hash of its text.

    A plain hash is enough here: a ticket is 256 random bits, which nobody can guess and then confirm.
    """
    return {"pk": f"TICKET#{hashlib.sha256(ticket.encode()).hexdigest()}", "sk": "TICKET"}


def watch_partition(person: str) -> str:
    """Find all connections registered under a person's name in one Query."""
    return f"WATCH#{person}"


def watch_key(person: str, connection_id: str) -> dict[str, object]:
    """Find one connection of a person's."""
    return {"pk": watch_partition(person), "sk": f"CONNECTION#{connection_id}"}


def connection_key(connection_id: str) -> dict[str, object]:
    """Find what a connection watches: API Gateway tells no more than its id when it closes."""
    return {"pk": f"CONNECTION#{connection_id}", "sk": "CONNECTION"}


def open_shard(subject: str) -> str:
    """Return the partition of the open-jobs index that holds a subject's jobs.

    By subject, so that one Query finds what a person has open, and a busy client spreads over all.
    """
    number = int.from_bytes(hashlib.sha256(subject.encode()).digest()[:2], "big") % OPEN_SHARDS
    return shard_name(number)


def shard_name(number: int) -> str:
    """Return the name of one of the OPEN_SHARDS partitions."""
    return f"OPEN#{number:02d}"


QUARANTINE_SHARDS = 8


def quarantine_key(source: str, pointer: str) -> dict[str, object]:
    """Find what failed by where it failed and what it points to."""
    number = hashlib.sha256(pointer.encode()).digest()[0] % QUARANTINE_SHARDS
    return {"pk": f"QUARANTINE#{number}", "sk": f"{source}#{pointer}"}


def quarantine_shards() -> list[str]:
    """Return the partitions of the quarantine."""
    return [f"QUARANTINE#{number}" for number in range(QUARANTINE_SHARDS)]
