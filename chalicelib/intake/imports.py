"""Take an import in: the lines are kept first, then the job is; only then is the answer given."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from chalicelib.errors import BodyTooLarge, IdempotencyKeyReused, InvalidBody, KeyGone
from chalicelib.model.clock import SECOND
from chalicelib.model.ids import hashed_id
from chalicelib.model.imports import LARGEST_LINES, UPLOAD_SECONDS, ImportRequest, Upload, file_key
from chalicelib.model.job import Type, errand
from chalicelib.model.limits import EVERYTHING, reach_to_plain
from chalicelib.model.token import DEFAULT_SCOPE_NAME, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.audit import Who
    from chalicelib.model.imports import Source
    from chalicelib.model.job import Job
    from chalicelib.model.limits import Reach

_MARKED_AT = Place(environment=DEFAULT_SCOPE_NAME, domain=DEFAULT_SCOPE_NAME, subject="-", provider="-")
"""Where marks of imports are made: their lines are of many domains, and only the environment and domain count."""


class Imports(Protocol):
    """Where imports are kept."""

    def accept(self, request: ImportRequest) -> ImportRequest | None:
        """Store with one write; return what stands there already, or None."""


class Files(Protocol):
    """Where lines are kept until they are imported."""

    def form(self, key: str) -> tuple[str, dict[str, str]]:
        """Return the address and fields of a POST that writes one file."""

    def write(self, key: str, content: bytes) -> Source:
        """Raise Unavailable."""

    def found(self, key: str) -> Source:
        """Raise FileMissing."""

    def delete(self, key: str) -> None:
        """Raise Unavailable."""


class Marker(Protocol):
    """How what was asked for is recognised, without keeping it."""

    def version(self, place: Place) -> int:
        """Return the version of the key that marks now."""

    def mark(self, message: bytes, place: Place, version: int) -> bytes:
        """Return a keyed hash."""


class Reception(Struct, frozen=True, kw_only=True):
    """The verbs behind `POST /uploads` and `POST /imports`. `now` is in microseconds; `new_id` mints a random id."""

    imports: Imports
    files: Files
    marker: Marker
    now: Callable[[], int]
    new_id: Callable[[], str]
    failure: Callable[..., None]

    def upload(self, requester: str) -> Upload:
        """Give the address that one file may be sent to. Nothing is stored; the file is the requester's to import."""
        upload_id = self.new_id()
        url, fields = self.files.form(file_key(requester, upload_id))
        return Upload(id=upload_id, url=url, fields=fields, expires_at=self.now() + UPLOAD_SECONDS * SECOND)

    def accept_lines(
        self, raw: bytes, *, by: Who, idempotency_key: str | None, within: Reach = EVERYTHING
    ) -> tuple[Job, bool]:
        """Keep a body of lines and return the job that imports it, and whether it is new.

        `within` is kept with the job: lines outside are refused, whatever becomes of the requester's policies.
        Raises InvalidBody, BodyTooLarge, IdempotencyKeyReused, Unavailable when nothing was accepted.
        """
        if len(raw) > LARGEST_LINES:
            detail = f"at most {LARGEST_LINES} bytes of lines in a body; POST /uploads takes a larger file"
            raise BodyTooLarge(detail, limit=LARGEST_LINES)
        if not raw.strip():
            rule = "at least one line"
            raise InvalidBody(rule, rule=rule)
        # Under a key of its own each time: what an earlier request with this Idempotency-Key sent stays as it is.
        source = self.files.write(file_key(by.principal, self.new_id()), raw)
        told = _told("body", source, within)
        job, stored = self._accept(b"lines\n" + raw, told, source, by, idempotency_key)
        if stored is None or stored.source.key == source.key:  # the latter: our own write, whose answer was lost
            return job, stored is None
        self._forget(source)
        return job, False

    def accept_upload(
        self, upload_id: str, *, by: Who, idempotency_key: str | None, within: Reach = EVERYTHING
    ) -> tuple[Job, bool]:
        """Return the job that imports a file which the requester has sent, and whether it is new.

        It imports the file as it is now, or fails. Raises FileMissing, also for somebody else's file;
        IdempotencyKeyReused, Unavailable.
        """
        source = self.files.found(file_key(by.principal, upload_id))
        told = _told("upload", source, within)
        job, stored = self._accept(b"upload\n" + upload_id.encode(), told, source, by, idempotency_key)
        return job, stored is None

    def _accept(
        self, asked: bytes, told: Mapping[str, object], source: Source, by: Who, key: str | None
    ) -> tuple[Job, ImportRequest | None]:
        """Store the import; return its job, and what was stored before if anything was."""
        version = self.marker.version(_MARKED_AT)
        job_id = self.new_id() if key is None else hashed_id(b"cloakroom/1/import", by.principal, key)
        request = ImportRequest(
            job=errand(job_id, Type.IMPORT, requester=by.principal, now=self.now(), asked=told, origin=by.origin()),
            source=source,
            body_mark=self.marker.mark(asked, _MARKED_AT, version),
            key_version=version,
        )
        stored = self.imports.accept(request)
        if stored is None:
            return request.job, None
        try:
            expected = self.marker.mark(asked, _MARKED_AT, stored.key_version)
        except KeyGone:  # shredded: nothing can be compared any more
            expected = b""
        if not hmac.compare_digest(expected, stored.body_mark):
            if told["source"] == "body":
                self._forget(source)
            raise IdempotencyKeyReused
        return stored.job, stored

    def _forget(self, source: Source) -> None:
        """Delete lines that nobody will import; if that fails, the bucket's lifecycle does within days."""
        try:
            self.files.delete(source.key)
        except Exception as error:  # noqa: BLE001  the answer stands, whatever this meets
            self.failure("import.file_left", error)


def _told(kind: str, source: Source, within: Reach) -> dict[str, object]:
    """Return what an import's job says of itself: its lines' source, and its limits where it has any."""
    told: dict[str, object] = {"source": kind, "bytes": source.size}
    limits = reach_to_plain(within)
    return told if limits is None else {**told, "limits": limits}
