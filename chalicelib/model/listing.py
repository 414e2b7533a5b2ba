"""Which jobs a list holds, where in it a page begins, and the cursor that says so to a client."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from chalicelib.model.job import Job, Status, Type

LONGEST_CURSOR = 512
"""Characters. Ours take some 330 at the most: a subject has 128 characters."""

LATEST = 2**53 - 1
"""No time comes later (microseconds): year 2255."""

_FORM = 1
_ID = r"[a-z2-7]{26}"


class Wanted(Struct, frozen=True, kw_only=True):
    """What a list is narrowed to; None does not narrow it."""

    status: Status | None = None
    type: Type | None = None
    subject: str | None = None

    def takes(self, job: Job) -> bool:
        """Tell whether a job belongs to the list."""
        return (
            self.status in (None, job.status) and self.type in (None, job.type) and self.subject in (None, job.subject)
        )

    @property
    def mark(self) -> str:
        """Tell lists apart in few characters. A plain hash: it goes to whom the names in it came from."""
        names = json.dumps([self.status, self.type, self.subject])
        return hashlib.sha256(names.encode()).hexdigest()[:16]


class Position(Struct, frozen=True, kw_only=True):
    """One row of a list: the index partition that it stands in, its sort value there (microseconds), the job's id."""

    partition: str
    at: int
    id: str


def cursor_to_text(after: Position | None, wanted: Wanted) -> str | None:
    """Write the cursor of the page behind a row; None behind the last.

    It holds nothing that the list does not show, and opens nothing: what it finds is judged as on the first page.
    """
    if after is None:
        return None
    text = json.dumps([_FORM, wanted.mark, after.partition, after.at, after.id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def cursor_from_text(text: str, wanted: Wanted) -> Position:
    """Read a cursor. Raises ValueError, whose text is the rule that it breaks."""
    try:
        form, mark, partition, at, job_id = _parts(text)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        raise ValueError("one that this service gave") from None
    if form != _FORM or not isinstance(partition, str) or not isinstance(job_id, str) or not re.fullmatch(_ID, job_id):
        raise ValueError("one that this service gave")
    if type(at) is not int or not 0 <= at <= LATEST:  # `True` is an int too
        raise ValueError("one that this service gave")
    if mark != wanted.mark:
        raise ValueError("one that this service gave for the same subject, status and type")
    return Position(partition=partition, at=at, id=job_id)


def _parts(text: str) -> list[object]:
    if len(text) > LONGEST_CURSOR:
        raise ValueError
    parts = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    if not isinstance(parts, list):
        raise TypeError
    return parts
