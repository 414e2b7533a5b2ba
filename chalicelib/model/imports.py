"""An import: many tokens in one file, a line each, as `POST /tokens` takes them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from chalicelib.model.clock import SECOND
from chalicelib.model.ids import hashed_id
from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.job import Job

LARGEST_LINES = 4_194_304
"""Bytes of a body of lines. Lambda's event takes 6 MB, in which each quote of the body is two bytes."""

LARGEST_UPLOAD = 268_435_456
"""Bytes of a file: 100,000 lines of 2.6 KB."""

MOST_LINES = 100_000

UPLOAD_SECONDS = 900
"""How long a file may be sent to the address that `POST /uploads` gives."""

KEEP_IMPORT = 30 * 86_400
"""Seconds that an import and its refused lines can be read, from its acceptance."""

CHUNK_LINES = 200
"""Lines that are done between two looks at the lease and the clock; a checkpoint lies behind a whole chunk, and one
item holds its refused lines. Raise it with `LINES_OF_AN_ITEM` in the store, never alone."""

TRANSACTION_TOKENS = 25
"""Tokens that are written together: two items each, and DynamoDB takes 100 items and 4 MB; a line has up to 64 KB."""

MOST_SHOWN = 20
"""Refused lines in the result itself: a job travels in pushes, which have room for little."""

LONGEST_RULE = 200


class Source(Struct, frozen=True, kw_only=True):
    """The file of an import, and what it was when the import was accepted: read as that or not at all."""

    key: str
    etag: str
    size: int


class Upload(Discreet, frozen=True, kw_only=True):
    """A file that may be sent until `expires_at` (microseconds): a POST to `url`, `fields` first, then `file`."""

    HIDDEN: ClassVar[tuple[str, ...]] = ("fields",)

    id: str
    url: str
    fields: Mapping[str, str]
    expires_at: int


class ImportRequest(Discreet, frozen=True, kw_only=True):
    """What `POST /imports` stores: the job, where its lines are, and the keyed mark of what was asked."""

    HIDDEN: ClassVar[tuple[str, ...]] = ("body_mark",)

    job: Job
    source: Source
    body_mark: bytes
    key_version: int


class Checkpoint(Struct, frozen=True, kw_only=True):
    """How far an import is: all lines up to `line`, which end at `offset` bytes, are done and counted once.

    `total` is the number of lines; `stored` and `refused` leave empty ones out.
    """

    total: int
    line: int = 0
    offset: int = 0
    stored: int = 0
    refused: int = 0

    @classmethod
    def from_job(cls, job: Job) -> Checkpoint | None:
        """Read a job's checkpoint, None before there is one. Members that a later version adds are left out."""
        kept = job.checkpoint
        return None if kept is None else cls(**{name: kept[name] for name in cls.__struct_fields__})

    @property
    def progress(self) -> dict[str, object]:
        """Return it as watchers see it."""
        note = f"{self.stored} stored, {self.refused} refused"
        return {"done": self.line, "total": self.total, "note": note}


class Refusal(Struct, frozen=True, kw_only=True):
    """A line that was not stored, and why. It never holds a value of the line."""

    line: int
    code: str
    field: str | None
    rule: str


def refusal_view(refusal: Refusal) -> dict[str, object]:
    """Return a refused line as the contract shows it: without `field` where no one member is to blame."""
    field_of = {} if refusal.field is None else {"field": refusal.field}
    return {"line": refusal.line, "code": refusal.code, **field_of, "rule": refusal.rule}


def line_id(job_id: str, line: int) -> str:
    """Return the id of the token of a line: however often the line is stored, it is the same token."""
    return hashed_id(b"cloakroom/1/import-line", job_id, str(line))


def file_key(requester: str, file_id: str) -> str:
    """Return where a file is kept. The requester is in it: who asks for somebody else's file finds none."""
    return f"imports/{hashed_id(b'cloakroom/1/importer', requester)}/{file_id}"


def keep_import_until(job: Job) -> int:
    """Return the time to live of an import's items (epoch seconds): the same, however late they are written."""
    return job.accepted_at // SECOND + KEEP_IMPORT
