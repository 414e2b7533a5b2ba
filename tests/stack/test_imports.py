"""Imports over the wire: by a body, by a file that is sent by its form; watched; and with nothing secret in sight."""

from __future__ import annotations

import http.client
import json
import time
from itertools import pairwise
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from chalicelib.model.imports import line_id
from devtool.testing import wait_for
from tests.stack import hunt
from tests.stack.http import Api, unique
from tests.stack.watching import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtool.testing import LiveCloud
    from tests.stack.http import Answer

NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(*bodies: object) -> bytes:
    return b"".join((body if isinstance(body, bytes) else json.dumps(body).encode()) + b"\n" for body in bodies)


def body(subject: str, secret: str, **changes: object) -> dict[str, object]:
    return {"subject": subject, "provider": "google", "token": {"access_token": secret}, **changes}


def send(form: dict[str, Any], content: bytes) -> int:
    """Send a file by its form, as `curl -F` does, and return the status."""
    parts = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in form["fields"].items()
    ]
    parts += [b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n', content, b"\r\n--x--\r\n"]
    address = urlsplit(form["url"])
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    connection.request("POST", address.path or "/", body=b"".join(parts), headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def ended(api: Api, accepted: Answer, bearer: str) -> dict[str, Any]:
    """Wait for an import's end and return its job."""
    assert accepted.status == 202, accepted.body

    def job() -> dict[str, Any] | None:
        shown: dict[str, Any] = api.get(accepted.headers["location"], bearer).json
        return shown if shown["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    found: dict[str, Any] = wait_for(job, 60)
    return found


def test_a_body_of_lines_is_imported_and_its_tokens_are_collected(api: Api) -> None:
    subjects = [unique("import") for _ in range(5)]
    content = lines(*(body(subject, f"secret of {subject}") for subject in subjects), b"no json", b"")

    job = ended(api, api.post("/imports", api.producer, body=content, headers=NDJSON), api.producer)

    assert job["status"] == "SUCCEEDED"
    assert (job["result"]["lines"], job["result"]["stored"], job["result"]["refused"]) == (7, 5, 1)
    listed = api.get(job["links"]["refusals"], api.producer).json
    assert [(one["line"], one["code"]) for one in listed["items"]] == [(6, "invalid_body")]
    for number, subject in enumerate(subjects, 1):
        collected = api.get(f"/subjects/{subject.replace('|', '%7C')}/tokens/google/secret", api.consumer(subject)).json
        assert (collected["id"], collected["access_token"]) == (line_id(job["id"], number), f"secret of {subject}")


def test_a_file_that_is_sent_by_its_form_is_imported(api: Api) -> None:
    form = api.post("/uploads", api.producer).json
    content = lines(*(body(unique("file"), token_hex(8)) for _ in range(450)))

    assert send(form, content) == 204
    job = ended(api, api.post("/imports", api.producer, body={"upload": form["id"]}), api.producer)

    assert (job["status"], job["result"]["stored"]) == ("SUCCEEDED", 450)
    assert job["input"] == {"source": "upload", "bytes": len(content)}
    again = api.post("/imports", api.producer, body={"upload": form["id"]})
    assert (again.status, again.code) == (404, "file_missing"), "the file is deleted behind its import"


@pytest.mark.parametrize(
    ("change", "content", "status"),
    [
        (lambda fields: {**fields, "key": fields["key"][:-1] + "x"}, b"{}", 403),
        (lambda fields: {**fields, "x-amz-signature": "0" * 64}, b"{}", 403),
        (lambda fields: fields, b"", 400),
    ],
)
def test_a_form_takes_its_one_file_and_nothing_else(
    api: Api, change: Callable[[dict[str, str]], dict[str, str]], content: bytes, status: int
) -> None:
    form = api.post("/uploads", api.producer).json

    assert send({**form, "fields": change(form["fields"])}, content) == status


def test_a_file_waits_encrypted_by_the_stacks_key(api: Api, cloud: LiveCloud) -> None:
    form = api.post("/uploads", api.producer).json
    send(form, b"{}")

    bucket = cloud.client("lambda").get_function_configuration(FunctionName=cloud.function_name("work"))
    found = cloud.client("s3").head_object(
        Bucket=bucket["Environment"]["Variables"]["IMPORTS_BUCKET"], Key=form["fields"]["key"]
    )

    assert found["ServerSideEncryption"] == "aws:kms"
    assert cloud.key_id in found["SSEKMSKeyId"]


def test_who_imports_hears_how_far_it_is_once_a_second_and_not_of_each_token(cloud: LiveCloud) -> None:
    name, theirs = f"hook-{token_hex(4)}", unique("heard")
    importer, owner = Caller.of(cloud, name, "producer"), Caller.of(cloud, theirs, "consumer")
    api = Api(cloud)
    content = lines(*(body(unique("heard"), "x" * 400) for _ in range(4_000)), body(theirs, token_hex(8)))

    with importer.join() as watcher, owner.join() as owning:
        watcher.snapshot()
        owning.snapshot()
        accepted = api.post("/imports", api.bearer(name, "producer"), body=content, headers=NDJSON)
        heard: list[tuple[float, dict[str, Any]]] = []
        while not heard or heard[-1][1]["status"] != "SUCCEEDED":
            (update,) = watcher.updates(1, 60)
            heard.append((time.monotonic(), update["job"]))
        (token,) = owning.updates(1)

    assert {job["id"] for _, job in heard} == {accepted.json["id"]}
    told = [job for _, job in heard if job["status"] == "IN_PROGRESS" and "progress" in job]
    moments = [job["updated_at"] for job in told]
    assert len(told) >= 2
    assert [job["progress"]["done"] for job in told] == sorted({job["progress"]["done"] for job in told})
    seconds = [_seconds(moment) for moment in moments]
    assert all(later - earlier >= 0.999 for earlier, later in pairwise(seconds))
    assert heard[-1][1]["progress"] == {"done": 4_001, "total": 4_001, "note": "4001 stored, 0 refused"}
    assert token["job"]["result"] == {"current": True}
    assert token["job"]["input"]["import"] == accepted.json["id"]


def test_no_secret_of_a_stored_or_refused_line_is_anywhere_but_where_it_is_collected(cloud: LiveCloud) -> None:
    api, mark, subject = Api(cloud), f"zq8{token_hex(10)}", unique("hunted")
    raw = json.dumps(body(subject, mark)).encode()
    refused = [
        body(f"{mark}%", mark),
        body(subject, mark, metadata={"note": mark}),
        body(subject, mark, **{mark: mark}),
        body(subject, mark, provider=mark.upper()),
        body(subject, mark, token={"access_token": [mark]}),
        raw[:-3],
        raw.replace(mark.encode(), mark.encode() + b"\x00"),
        body(subject, mark * 900),
        raw + b" " * 65_536,
    ]
    content = lines(body(subject, mark), *refused)

    body_job = ended(api, api.post("/imports", api.producer, body=content, headers=NDJSON), api.producer)
    form = api.post("/uploads", api.producer).json
    assert send(form, content) == 204
    file_job = ended(api, api.post("/imports", api.producer, body={"upload": form["id"]}), api.producer)
    for job in (body_job, file_job):
        assert (job["result"]["stored"], job["result"]["refused"]) == (1, len(refused))
        assert api.get(job["links"]["refusals"], api.producer).status == 200
    assert cloud.settle(30)

    places = {
        "answers": [answer.body for answer in api.answers],
        "logs": hunt.function_logs(cloud),
        "the local cloud's logs": hunt.tool_logs(cloud),
        "table": hunt.table_items(cloud),
        "stream": hunt.stream_records(cloud),
        "queues": [message for messages in hunt.queue_messages(cloud).values() for message in messages],
    }
    assert {name: hunt.traces(mark, texts) for name, texts in places.items()} == {name: [] for name in places}
    assert any(body_job["id"].encode() in item for item in places["table"] if isinstance(item, bytes))
    collected = api.get(f"/tokens/{line_id(body_job['id'], 1)}/secret", api.consumer(subject))
    assert hunt.traces(mark, [collected.body]), "it is what was stored"


def _seconds(moment: str) -> float:
    clock = moment[11:-1].split(":")
    return int(clock[0]) * 3_600 + int(clock[1]) * 60 + float(clock[2])
