"""Every key of the table, in one place. docs/architecture.md lists the access pattern that each serves.

A name from outside stands last in its key, behind names whose grammar cannot hold the separator `#`; so no choice
of names makes two different things share a key.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from chalicelib.model.job import Status, Type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.token import Place

OPEN_SHARDS = 32
"""Partitions of the index of open jobs. Each takes 1,000 writes a second and an open job writes twice (in and out):
32 carry 16,000 jobs a second."""

LIST_SHARDS: Mapping[Type, int] = {Type.STORE: 16, Type.REVOKE: 16, Type.REFRESH: 16}
"""Partitions of the index of jobs by type; a type that is not named has 1, which takes 1,000 jobs a second. Raise a
number, never lower it: a job stays where it was written, and who lists asks these partitions alone."""

UNSUCCESSFUL_SHARDS = 8
"""Partitions of the index of unsuccessful jobs, for each status. Raise it, never lower it, as above."""

UNSUCCESSFUL = (Status.FAILED, Status.CANCELLED)


def job_key(job_id: str) -> dict[str, object]:
    """Find a job, and the token with it: a stored token has the id of the job that stored it."""
    return {"pk": f"JOB#{job_id}", "sk": "JOB"}


LAST_LINE = 999_999_999


def refusals_key(job_id: str, first_line: int) -> dict[str, object]:
    """Find the refused lines of an import's chunk, which begins at `first_line`, beside the import's job."""
    return {"pk": f"JOB#{job_id}", "sk": f"REFUSED#{first_line:09d}"}


def job_id(row: Mapping[str, Any]) -> str:
    """Return the id of the job that an item, an image or an index's row is about."""
    return str(row["pk"]).removeprefix("JOB#")


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


POLICIES = "POLICIES"
"""The partition of all policies: a few dozen, listed by one Query. Authorizers read those of a caller's groups once a
minute and process, half a unit for each 4 KB, so the 3,000 units a second of a partition carry 36,000 processes whose
callers are in ten groups each. IAM policies can name it: who may write here decides who may do what."""


def policy_key(group: str) -> dict[str, object]:
    """Find a group's policy."""
    return {"pk": POLICIES, "sk": f"POLICY#{group}"}


def policy_group(item: Mapping[str, Any]) -> str:
    """Return the group that a policy's item is of."""
    return str(item["sk"]).removeprefix("POLICY#")


PROVIDERS = "PROVIDERS"
"""The partition of all providers: a few dozen, listed by one Query. A refresh reads one of them, half a unit for each
4 KB, so the 3,000 units a second of a partition carry more refreshes than providers bear."""


def provider_key(name: str) -> dict[str, object]:
    """Find a provider, and its sealed credential with it."""
    return {"pk": PROVIDERS, "sk": f"PROVIDER#{name}"}


CACHE = "CACHE"
"""The partition of what outsiders published: a handful of documents. IAM policies name it: who may write here decides
whose signatures count."""


def cached_key(name: str) -> dict[str, object]:
    """Find a document by the hash of its name: an address may be longer than a key."""
    return {"pk": CACHE, "sk": f"DOCUMENT#{hashlib.sha256(name.encode()).hexdigest()}"}


ACCESS = "ACCESS"
"""The partition of what ends access before its time. IAM policies name it: who may write here decides whose lasts."""

EPOCH: Mapping[str, object] = {"pk": ACCESS, "sk": "EPOCH"}
"""What counts the changes. Each process reads it every two seconds, one unit: 3,000 units a second of a partition carry
6,000 processes."""

REVOKED = "REVOKED#"


def revocation_key(revocation_id: str) -> dict[str, object]:
    """Find a revocation by its id."""
    return {"pk": ACCESS, "sk": f"{REVOKED}{revocation_id}"}


def revocation_id(item: Mapping[str, Any]) -> str:
    """Return the id of the revocation that an item or an image is."""
    return str(item["sk"]).removeprefix(REVOKED)


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
    return shard_name(_number(subject, OPEN_SHARDS))


def shard_name(number: int) -> str:
    """Return the name of one of the OPEN_SHARDS partitions."""
    return f"OPEN#{number:02d}"


def open_shards() -> list[str]:
    """Return the partitions of the open-jobs index."""
    return [shard_name(number) for number in range(OPEN_SHARDS)]


def list_shard(job_type: Type, job_id: str) -> str:
    """Return the partition of the index of jobs by type that a job stands in for life."""
    return _shard(job_type, _number(job_id, _list_shards(job_type)))


def list_shards(job_type: Type) -> list[str]:
    """Return the partitions that hold the jobs of a type."""
    return [_shard(job_type, number) for number in range(_list_shards(job_type))]


def unsuccessful_shard(status: Status, job_id: str) -> str:
    """Return the partition of the index of unsuccessful jobs that a job which ended so stands in."""
    return _shard(status, _number(job_id, UNSUCCESSFUL_SHARDS))


def unsuccessful_shards(status: Status) -> list[str]:
    """Return the partitions that hold the jobs which ended so."""
    return [_shard(status, number) for number in range(UNSUCCESSFUL_SHARDS)]


def _list_shards(job_type: Type) -> int:
    return LIST_SHARDS.get(job_type, 1)


def _shard(name: str, number: int) -> str:
    return f"{name}#{number:02d}"


def _number(text: str, shards: int) -> int:
    """Spread texts over shards: the same one for the same text, for as long as the number of shards stays."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:2], "big") % shards


REFRESH_SHARDS = 32
"""Partitions of the index of scheduled refreshes: each takes 1,000 writes a second, a refresh writes twice."""


def refresh_shard(token_id: str) -> str:
    """Return the partition of the refresh-due index that holds a token."""
    return _shard("REFRESH", _number(token_id, REFRESH_SHARDS))


def refresh_shards() -> list[str]:
    """Return the partitions of the refresh-due index."""
    return [_shard("REFRESH", number) for number in range(REFRESH_SHARDS)]


def limit_partition(provider: str) -> str:
    """Find what holds a provider's limits."""
    return f"LIMIT#{provider}"


def turn_key(provider: str) -> dict[str, object]:
    """Find when a provider may be asked next."""
    return {"pk": limit_partition(provider), "sk": "TURN"}


def permit_key(provider: str, number: int) -> dict[str, object]:
    """Find one of the places of those who ask a provider at the same time."""
    return {"pk": limit_partition(provider), "sk": f"PERMIT#{number:04d}"}


QUARANTINE_SHARDS = 8


def quarantine_key(source: str, pointer: str) -> dict[str, object]:
    """Find what failed by where it failed and what it points to."""
    number = hashlib.sha256(pointer.encode()).digest()[0] % QUARANTINE_SHARDS
    return {"pk": f"QUARANTINE#{number}", "sk": f"{source}#{pointer}"}


def quarantine_shards() -> list[str]:
    """Return the partitions of the quarantine."""
    return [f"QUARANTINE#{number}" for number in range(QUARANTINE_SHARDS)]


AUDIT_SHARDS = 32
"""Partitions of a day's audit: 32,000 write units a second, of which a change takes two and a reading one. A partition
of few days each: whoever asks for a time alone asks all of them. Raise it, never lower it: an entry stays where it
was written."""

PRINCIPAL_SHARDS = 16
"""Partitions of the index of entries by principal, for each: a login hook is one principal, and 1,000 entries a second
are what a partition takes. Raise it, never lower it."""


def audit_partition(day: str, number: int) -> str:
    """Return one of the partitions of a day (`20261121`) of the audit. IAM policies name their beginning."""
    return _shard(f"AUDIT#{day}", number)


def audit_partitions(day: str) -> list[str]:
    """Return the partitions of a day of the audit."""
    return [audit_partition(day, number) for number in range(AUDIT_SHARDS)]


def audit_key(day: str, entry_id: str, order: str) -> dict[str, object]:
    """Find an entry by its day, id and place in time."""
    return {"pk": audit_partition(day, _number(entry_id, AUDIT_SHARDS)), "sk": order}


def principal_shard(principal: str, entry_id: str) -> str:
    """Return the partition of the index of entries by principal that an entry stands in."""
    return _shard(principal, _number(entry_id, PRINCIPAL_SHARDS))


def principal_shards(principal: str) -> list[str]:
    """Return the partitions that hold a principal's entries."""
    return [_shard(principal, number) for number in range(PRINCIPAL_SHARDS)]
