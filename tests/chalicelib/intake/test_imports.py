"""Taking imports in: first the lines are kept, then the job; what is left over is deleted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from chalicelib.errors import BodyTooLarge, FileMissing, IdempotencyKeyReused, InvalidBody, Unavailable
from chalicelib.intake.imports import Reception
from chalicelib.model.audit import Who
from chalicelib.model.clock import SECOND
from chalicelib.model.imports import file_key
from chalicelib.model.limits import Limits, Reach
from tests.chalicelib.examples import HOOK, JANE, NOW, Facts, an_id
from tests.chalicelib.process.many import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.imports import ImportRequest
    from chalicelib.model.token import Place


@dataclass
class Book:
    """Imports as our protocol keeps them, in memory."""

    kept: dict[str, ImportRequest] = field(default_factory=dict)
    error: Exception | None = None

    def accept(self, request: ImportRequest) -> ImportRequest | None:
        if self.error:
            raise self.error
        stored = self.kept.get(request.job.id)
        self.kept.setdefault(request.job.id, request)
        return stored


class LostAnswer(Book):
    """The client library sends a write again whose answer was lost, and meets what it wrote itself."""

    def accept(self, request: ImportRequest) -> ImportRequest | None:
        super().accept(request)
        return super().accept(request)


class Marks:
    def version(self, place: Place) -> int:  # noqa: ARG002
        return 1

    def mark(self, message: bytes, place: Place, version: int) -> bytes:  # noqa: ARG002
        return b"mark of " + message


def numbers() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield an_id(number)


def a_reception(book: Book, shelf: Shelf, facts: Facts) -> Reception:
    ids = numbers()
    return Reception(
        imports=book, files=shelf, marker=Marks(), now=lambda: NOW, new_id=lambda: next(ids), failure=facts
    )


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def reception(book: Book, shelf: Shelf, facts: Facts) -> Reception:
    return a_reception(book, shelf, facts)


def test_lines_are_kept_before_their_job_is(reception: Reception, book: Book, shelf: Shelf) -> None:
    job, is_new = reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key=None)

    request = book.kept[job.id]
    assert (is_new, job.requester, job.input) == (True, HOOK, {"source": "body", "bytes": 3})
    assert shelf.kept == {request.source.key: b"{}\n"}


def test_a_job_that_could_not_be_stored_leaves_its_lines_for_it_may_have_been(
    reception: Reception, book: Book, shelf: Shelf
) -> None:
    book.error = Unavailable()

    with pytest.raises(Unavailable):
        reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key="k")

    assert len(shelf.kept) == 1


def test_lines_that_could_not_be_kept_have_no_job(reception: Reception, book: Book, shelf: Shelf) -> None:
    def failing(key: str, content: bytes) -> None:
        raise Unavailable

    shelf.write = failing  # type: ignore[assignment,method-assign]

    with pytest.raises(Unavailable):
        reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key="k")

    assert book.kept == {}


def test_the_same_again_is_the_same_job_and_its_second_copy_goes(
    reception: Reception, book: Book, shelf: Shelf
) -> None:
    first, _ = reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key="k")
    again, is_new = reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key="k")

    assert (again, is_new) == (first, False)
    assert list(shelf.kept) == [book.kept[first.id].source.key]


def test_other_lines_under_the_same_key_are_refused_and_go(reception: Reception, book: Book, shelf: Shelf) -> None:
    first, _ = reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key="k")

    with pytest.raises(IdempotencyKeyReused):
        reception.accept_lines(b"[]\n", by=Who(principal=HOOK), idempotency_key="k")

    assert shelf.kept == {book.kept[first.id].source.key: b"{}\n"}


def test_our_own_write_whose_answer_was_lost_keeps_its_lines(shelf: Shelf, facts: Facts) -> None:
    reception = a_reception(LostAnswer(), shelf, facts)

    reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key="k")

    assert len(shelf.kept) == 1


def test_a_copy_that_cannot_be_deleted_costs_no_answer(reception: Reception, shelf: Shelf, facts: Facts) -> None:
    first, _ = reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key="k")
    shelf.errors = [Unavailable()]

    assert reception.accept_lines(b"{}\n", by=Who(principal=HOOK), idempotency_key="k") == (first, False)
    assert facts.events == ["import.file_left"]


@pytest.mark.parametrize(
    ("raw", "error"), [(b"", InvalidBody), (b"\r\n \n", InvalidBody), (b"x" * 4_194_305, BodyTooLarge)]
)
def test_no_lines_or_too_many_are_not_kept(
    reception: Reception, shelf: Shelf, raw: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        reception.accept_lines(raw, by=Who(principal=HOOK), idempotency_key=None)

    assert shelf.kept == {}


def test_an_upload_is_for_its_requester_for_fifteen_minutes(reception: Reception, shelf: Shelf) -> None:
    upload = reception.upload(HOOK)
    shelf.write(upload.fields["key"], b"{}\n")

    assert (upload.fields["key"], upload.expires_at) == (file_key(HOOK, upload.id), NOW + 900 * SECOND)
    with pytest.raises(FileMissing):
        reception.accept_upload(upload.id, by=Who(principal=JANE), idempotency_key=None)
    job, is_new = reception.accept_upload(upload.id, by=Who(principal=HOOK), idempotency_key=None)
    assert (is_new, job.input) == (True, {"source": "upload", "bytes": 3})


def test_a_file_stays_when_its_import_is_asked_for_again_or_refused(reception: Reception, shelf: Shelf) -> None:
    uploads = [reception.upload(HOOK) for _ in range(2)]
    for upload in uploads:
        shelf.write(upload.fields["key"], b"{}\n")
    first = reception.accept_upload(uploads[0].id, by=Who(principal=HOOK), idempotency_key="k")

    assert reception.accept_upload(uploads[0].id, by=Who(principal=HOOK), idempotency_key="k") == (first[0], False)
    with pytest.raises(IdempotencyKeyReused):
        reception.accept_upload(uploads[1].id, by=Who(principal=HOOK), idempotency_key="k")
    assert len(shelf.kept) == 2


def test_what_an_import_is_limited_to_is_kept_with_its_job(reception: Reception, book: Book) -> None:
    within = Reach((Limits(domains=("shop",)), Limits(providers=("google",))))

    limited, _ = reception.accept_lines(b"{}", by=Who(principal=HOOK), idempotency_key=None, within=within)
    free, _ = reception.accept_lines(b"{}", by=Who(principal=HOOK), idempotency_key=None)

    assert limited.input == {
        "source": "body",
        "bytes": 2,
        "limits": [{"domains": ["shop"]}, {"providers": ["google"]}],
    }
    assert free.input == {"source": "body", "bytes": 2}
