"""The batch that the bench settles is one that the stream could bring."""

from __future__ import annotations

from bench import settling
from chalicelib.model.change import JobChange
from chalicelib.store.records import read_record


def test_each_record_is_a_new_token_of_a_place_of_its_own() -> None:
    changes = [read_record(record) for record in settling.event()["Records"]]

    assert len(changes) == settling.RECORDS
    assert all(isinstance(change, JobChange) and change.after.status == "PENDING" for change in changes)
    assert len({change.after.place for change in changes if isinstance(change, JobChange)}) == settling.RECORDS
    assert all(change.token is not None for change in changes if isinstance(change, JobChange))
