from __future__ import annotations

from msgspec.structs import replace

from chalicelib.model.imports import (
    Checkpoint,
    Refusal,
    Upload,
    file_key,
    keep_import_until,
    line_id,
    refusal_view,
)
from chalicelib.model.job import Status, Type, errand, job_links, job_view
from chalicelib.model.token import KEEP_RECORD
from chalicelib.model.watch import persons_of
from tests.chalicelib.examples import HOOK, JANE, NOW, a_job, a_watch, an_id

IMPORT = errand(an_id(1), Type.IMPORT, requester=HOOK, now=NOW, asked={"source": "body", "bytes": 7})


def test_an_import_is_its_requesters_and_about_no_one_token() -> None:
    assert (IMPORT.type, IMPORT.status, IMPORT.requester, IMPORT.subject) == (Type.IMPORT, Status.PENDING, HOOK, HOOK)
    assert (IMPORT.token_id, IMPORT.place, IMPORT.allowed) == (None, None, 12)
    assert job_view(IMPORT)["input"] == {"source": "body", "bytes": 7}
    assert job_links(IMPORT) == {"self": f"/jobs/{an_id(1)}", "refusals": f"/imports/{an_id(1)}/refusals"}


def test_a_line_has_one_id_and_each_line_of_each_import_another() -> None:
    assert line_id(an_id(1), 7) == line_id(an_id(1), 7)
    assert len({line_id(an_id(job), line) for job in (1, 2) for line in range(1, 101)}) == 200


def test_a_file_is_found_by_its_requester_alone() -> None:
    assert file_key(HOOK, "f") == file_key(HOOK, "f")
    assert file_key(HOOK, "f") != file_key(JANE, "f")
    assert file_key(JANE, "f").startswith("imports/")
    assert JANE not in file_key(JANE, "f")


def test_the_address_of_an_upload_is_not_in_its_repr() -> None:
    upload = Upload(id="i", url="https://b.example", fields={"policy": "invented"}, expires_at=1)

    assert "invented" not in repr(upload)


def test_progress_tells_what_is_done_of_how_much() -> None:
    checkpoint = Checkpoint(total=10, line=4, offset=99, stored=2, refused=1)

    assert checkpoint.progress == {"done": 4, "total": 10, "note": "2 stored, 1 refused"}


def test_a_refused_line_is_shown_with_its_reason() -> None:
    refusal = Refusal(line=3, code="invalid_body", field="provider", rule="required")

    assert refusal_view(refusal) == {"line": 3, "code": "invalid_body", "field": "provider", "rule": "required"}
    assert refusal_view(replace(refusal, field=None)) == {"line": 3, "code": "invalid_body", "rule": "required"}


def test_an_import_is_kept_longer_than_it_may_be_open() -> None:
    assert keep_import_until(IMPORT) * 1_000_000 > IMPORT.deadline_at + KEEP_RECORD * 1_000_000


def test_who_imports_hears_of_the_import_and_not_of_each_of_its_tokens() -> None:
    own = a_job(result={"current": True})
    imported = replace(own, input={"import": an_id(9)})
    importer, owner = a_watch(principal=HOOK, person=HOOK, owns=False, hands_in=True), a_watch()

    assert (own.part_of, imported.part_of) == (None, an_id(9))
    assert (persons_of(own), persons_of(imported)) == (frozenset({HOOK, JANE}), frozenset({JANE}))
    assert [importer.hears_of(job) for job in (own, imported, IMPORT)] == [True, False, True]
    assert [owner.hears_of(job) for job in (own, imported, IMPORT)] == [True, True, False]
