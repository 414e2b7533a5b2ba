from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from chalicelib import errors
from chalicelib.collect.audit import Auditor
from chalicelib.model.audit import Entry, concerning
from chalicelib.wiring import system
from tests.chalicelib.examples import JANE, Clock, Facts, a_token, an_id
from tests.chalicelib.model.test_caller import caller

if TYPE_CHECKING:
    from chalicelib.model.window import Window


@dataclass
class Book:
    """Entries: a list that records, or does not take them."""

    entries: list[Entry] = field(default_factory=list)
    fault: Exception | None = None

    def write(self, entry: Entry) -> None:
        if self.fault is not None:
            raise self.fault
        self.entries.append(entry)

    def page(self, window: Window, *, limit: int, after: str | None) -> tuple[list[Entry], str | None]:  # noqa: ARG002  nobody narrows it
        return self.entries[:limit], after


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def auditor(book: Book, clock: Clock, facts: Facts) -> Auditor:
    return Auditor(audit=book, lists=book, now=clock, new_id=system.new_id, failure=facts)


HER = caller(JANE, "consumer")


def refusal_of(error: errors.CloakroomError) -> errors.CloakroomError:
    try:
        with concerning(a_token(3)):
            raise error
    except errors.CloakroomError as concerned:
        return concerned


def test_a_refusal_names_the_token_that_it_was_about_though_the_caller_is_not_told(
    auditor: Auditor, book: Book
) -> None:
    auditor.refused(HER, "/tokens/{token_id}", {"token_id": an_id(3)}, refusal_of(errors.NotFound()))

    (entry,) = book.entries
    assert (entry.event, entry.code, entry.token_id, entry.subject, entry.who.principal) == (
        "refused",
        "not_found",
        an_id(3),
        JANE,
        JANE,
    )


def test_an_id_that_there_is_not_has_an_entry_too_or_time_would_tell(auditor: Auditor, book: Book) -> None:
    auditor.refused(HER, "/tokens/{token_id}", {"token_id": an_id(3)}, errors.NotFound())

    (entry,) = book.entries
    assert (entry.what, entry.token_id, entry.subject) == ("/tokens/{token_id}", an_id(3), None)


def test_what_a_path_holds_beside_ids_is_not_kept(auditor: Auditor, book: Book) -> None:
    names = {"token_id": "hunter2", "subject": "hunter2", "provider": "hunter2"}

    auditor.refused(HER, "/route", names, errors.Forbidden())

    assert "hunter2" not in repr(book.entries)
    assert len(book.entries) == 1


@pytest.mark.parametrize(
    "error", [errors.InvalidBody(), errors.InvalidParameter(), errors.Unavailable(), errors.Misconfigured()]
)
def test_what_says_nothing_of_rights_is_in_the_log_alone(
    auditor: Auditor, book: Book, error: errors.CloakroomError
) -> None:
    auditor.refused(HER, "/route", {}, error)

    assert book.entries == []


@pytest.mark.parametrize("fault", [errors.Unavailable(), RuntimeError()])
def test_a_refusal_stays_what_it_is_where_its_entry_is_not_taken(
    auditor: Auditor, book: Book, facts: Facts, fault: Exception
) -> None:
    book.fault = fault

    auditor.refused(HER, "/route", {}, errors.Forbidden())

    assert facts.events == ["audit.failed"]


def test_what_is_administered_is_written_down_first_or_not_done(auditor: Auditor, book: Book) -> None:
    auditor.administered(HER, "PUT", "/providers/google")
    book.fault = errors.Unavailable()
    with pytest.raises(errors.Unavailable):
        auditor.administered(HER, "DELETE", "/providers/google")

    assert [(one.event, one.what, one.code) for one in book.entries] == [("administered", "/providers/google", "PUT")]


def test_who_asks_what_another_may_do_is_written_down_with_whom_it_was_about(auditor: Auditor, book: Book) -> None:
    auditor.explained(HER, "auth0|joe", "jti-1")
    auditor.explained(HER, None, None)
    auditor.explained(HER, "no/subject", "j" * 1_000)

    assert [(entry.event, entry.code, entry.subject, entry.what) for entry in book.entries] == [
        ("administered", "POST", "auth0|joe", "/authz/explain?bearer=jti-1"),
        ("administered", "POST", None, "/authz/explain"),
        ("administered", "POST", None, ("/authz/explain?bearer=" + "j" * 1_000)[:256]),
    ]
    assert {entry.who.principal for entry in book.entries} == {JANE}


def test_what_cannot_be_written_down_is_not_explained(auditor: Auditor, book: Book) -> None:
    book.fault = errors.Unavailable()

    with pytest.raises(errors.Unavailable):
        auditor.explained(HER, "auth0|joe", None)
