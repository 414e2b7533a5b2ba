"""A marked secret goes through everything that can be done with it, and everything that can fail; then we look for it.

Three markers: what was handed in as a secret may be in the answers of the secret routes and nowhere else; what was put
where it does not belong (into paths and queries) is in the log of any server in front, but not in ours; what the test
itself planted in the table is there, but nowhere that our code brought it to.
"""

from __future__ import annotations

import base64
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from devtool.testing import wait_for
from tests.stack import hunt, marked
from tests.stack.http import Answer, Api
from tests.stack.marked import PATIENCE, Scene

if TYPE_CHECKING:
    from devtool.testing import LiveCloud


@pytest.fixture(scope="module")
def scene(cloud: LiveCloud) -> Scene:
    """Everything that can be done, once."""
    made = Scene(cloud, Api(cloud))
    marked.plant_poison(made)
    with marked.watching(made):
        marked.use(made)
        marked.misuse(made)
        marked.malform(made)
        marked.misplace(made)
        marked.break_what_it_rests_on(made)
        marked.deliver_what_nobody_sends(made)
        assert cloud.settle(PATIENCE)
        wait_for(lambda: sum('"status":"SUCCEEDED"' in text for text in made.texts) >= 4, PATIENCE)
    return made


def is_of_a_secret(answer: Answer) -> bool:
    return answer.status == 200 and answer.path.partition("?")[0].endswith("/secret")


def test_the_secret_routes_gave_it_back(scene: Scene) -> None:
    given = [answer.body for answer in scene.api.answers if is_of_a_secret(answer)]

    assert len(given) >= 4
    assert all(len(hunt.traces(scene.secret, [body])) >= 2 for body in given), "plain, and as base64 in the id token"


def test_no_other_answer_holds_it(scene: Scene) -> None:
    others = [answer for answer in scene.api.answers if not is_of_a_secret(answer)]
    said = [answer.body + str(answer.headers).encode() for answer in others]

    assert len(said) > 100
    for marker in (scene.secret, scene.misplaced, scene.planted):
        assert hunt.traces(marker, said) == []


def test_no_push_and_no_functions_answer_holds_it(scene: Scene) -> None:
    assert any('"snapshot"' in text for text in scene.texts)
    for marker in (scene.secret, scene.misplaced, scene.planted):
        assert hunt.traces(marker, scene.texts) == []


def test_no_function_has_logged_it(scene: Scene) -> None:
    lines = hunt.function_logs(scene.cloud)

    assert sum(token_id in line for token_id in scene.ids()[:3] for line in lines) >= 3, "these are the right logs"
    assert any("record.failed" in line for line in lines)
    for marker in (scene.secret, scene.misplaced, scene.planted):
        assert hunt.traces(marker, lines) == []


def test_the_local_cloud_has_not_logged_it(scene: Scene) -> None:
    logs = hunt.tool_logs(scene.cloud)

    assert sum(map(len, logs)) > 10_000
    for marker in (scene.secret, scene.planted):
        assert hunt.traces(marker, logs) == []


def test_no_item_of_the_table_holds_it(scene: Scene) -> None:
    items = hunt.table_items(scene.cloud)

    assert any(scene.subject.encode() in item for item in items)
    for marker in (scene.secret, scene.misplaced):
        assert hunt.traces(marker, items) == []


def test_no_record_of_the_stream_holds_it(scene: Scene) -> None:
    records = hunt.stream_records(scene.cloud)

    assert any(scene.subject.encode() in record for record in records)
    for marker in (scene.secret, scene.misplaced):
        assert hunt.traces(marker, records) == []


def test_no_message_of_a_queue_holds_it(scene: Scene) -> None:
    queues = hunt.queue_messages(scene.cloud)

    assert queues[scene.cloud.stream_failures_queue_url] == [], "the poison record was set aside"
    for marker in (scene.secret, scene.misplaced, scene.planted):
        assert hunt.traces(marker, (message for messages in queues.values() for message in messages)) == []


def test_no_note_of_the_quarantine_holds_it(scene: Scene) -> None:
    notes = [item for item in hunt.table_items(scene.cloud) if b"QUARANTINE#" in item]

    assert sum(b"unreadable" in note for note in notes) >= 4, "the poison record, twice, and what nobody sends"
    for marker in (scene.secret, scene.misplaced, scene.planted):
        assert hunt.traces(marker, notes) == []


def test_no_bearer_was_logged_or_stored(scene: Scene) -> None:
    everywhere = [*hunt.function_logs(scene.cloud), *hunt.table_items(scene.cloud), *hunt.tool_logs(scene.cloud)]
    for bearer in (scene.consumer, scene.api.producer, scene.api.admin):
        assert hunt.traces(bearer.rpartition(".")[2], everywhere) == []


def test_no_ticket_was_logged_or_stored(scene: Scene) -> None:
    tickets = [
        answer.json["ticket"] for answer in scene.api.answers if answer.path == "/tickets" and answer.status == 201
    ]
    everywhere = [*hunt.function_logs(scene.cloud), *hunt.table_items(scene.cloud), *hunt.stream_records(scene.cloud)]

    assert len(tickets) == 3
    for ticket in tickets:
        assert hunt.traces(ticket, everywhere) == []


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
def test_the_hunt_finds_what_is_there(before: str) -> None:
    marker = f"zq7{token_hex(10)}"
    held = f'{before}{{"a": "{marker}"}}'

    assert hunt.traces(marker, [held])
    for hidden in (base64.b64encode, base64.urlsafe_b64encode, bytes.hex):
        written = hidden(held.encode())
        assert hunt.traces(marker, [written])
    assert hunt.traces(marker, [hunt.written({"L": [{"M": {marker: {"N": "1"}}}]})])
    assert hunt.traces(marker, [hunt.written({"B": held.encode()})])
    assert hunt.traces(marker, [held.replace(marker, marker[1:])]) == []
