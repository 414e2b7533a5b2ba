from __future__ import annotations

import json

from bench.filling import Mould
from chalicelib.model.job import Type
from chalicelib.store import keys

TOKEN = "u75sonr7wii3tzbxp5kqt5ugy4"
ENTRY = "gts5m3ps427j6ngxwwom6tsj3i"
SUBJECT = "auth0|67628e5f"
JOB = {
    "pk": {"S": f"JOB#{TOKEN}"},
    "sk": {"S": "JOB"},
    "kind": {"S": "job"},
    "subject": {"S": SUBJECT},
    "list_shard": {"S": keys.list_shard(Type.STORE, TOKEN)},
    "sealed": {"B": "AQAA"},
}
CURRENT = {
    "pk": {"S": f"SUBJECT#default#default#{SUBJECT}"},
    "sk": {"S": "PROVIDER#google"},
    "kind": {"S": "current"},
    "rank": {"S": f"1795252294845882#{TOKEN}"},
}
AUDIT = {
    "pk": {"S": "AUDIT#20261121#18"},
    "sk": {"S": f"1795252316762639#{ENTRY}"},
    "kind": {"S": "audit"},
    "token_id": {"S": TOKEN},
    "audit_subject": {"S": SUBJECT},
}
MOULD = Mould.of([AUDIT, JOB, CURRENT], TOKEN, SUBJECT)


def test_a_copy_is_a_token_of_its_own_in_all_of_its_items() -> None:
    audit, job, current = MOULD.cast()

    text = json.dumps([audit, job, current])
    assert [name for name in (TOKEN, ENTRY, SUBJECT) if name in text] == []
    token_id = job["pk"]["S"].removeprefix("JOB#")
    assert current["rank"]["S"].endswith(f"#{token_id}")
    assert audit["token_id"]["S"] == token_id
    assert current["pk"]["S"].endswith(job["subject"]["S"])
    assert audit["audit_subject"] == job["subject"]


def test_a_copy_stands_in_the_lists_where_its_own_id_belongs() -> None:
    for _ in range(20):
        _, job, _ = MOULD.cast()

        assert job["list_shard"]["S"] == keys.list_shard(Type.STORE, job["pk"]["S"].removeprefix("JOB#"))


def test_a_copy_is_as_large_as_a_token_and_what_names_nobody_stays() -> None:
    _, job, current = MOULD.cast()

    assert job["sealed"] == {"B": "AQAA"}
    assert current["sk"] == {"S": "PROVIDER#google"}
    assert len(job["pk"]["S"]) == len(JOB["pk"]["S"])


def test_no_two_copies_are_the_same() -> None:
    copies = [json.dumps(list(MOULD.cast())) for _ in range(100)]

    assert len(set(copies)) == 100
