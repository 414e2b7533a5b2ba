"""The same of the functions behind the 202 and of the sockets'. See `probes`."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

from chalicelib.store import keys
from chalicelib.store.table import Table
from devtool.ops.keys import rotated
from devtool.ops.stage import Stage
from devtool.testing import wait_for
from tests.oauth.played import Told
from tests.stack import mishaps, stored
from tests.stack.bench import OPEN, PATIENCE, Bench, a_domain
from tests.stack.http import unique
from tests.stack.probes import NDJSON, is_there, lines

if TYPE_CHECKING:
    from collections.abc import Callable


# The stream -------------------------------------------------------------------------------------------


def settle(bench: Bench) -> str:
    return bench.ends(bench.hand_in(unique("right")).json["id"])


def settle_what_is_refreshed(bench: Bench) -> str:
    name = bench.provider()
    answer = bench.hand_in(unique("right"), name, refresh_token=bench.played.issue(), expires_in=600)
    return bench.ends(answer.json["id"])


def replace_and_revoke(bench: Bench) -> str:
    name, subject = bench.provider(revoke_replaced=True), unique("right")
    tokens = ({"refresh_token": bench.played.issue()} for _ in range(2))
    return [bench.ends(bench.hand_in(subject, name, **token).json["id"]) for token in tokens][-1]


def queue_a_deletion(bench: Bench) -> str:
    return bench.ends(_deletion(bench, *bench.stored_token()))


def set_aside(function: str) -> Callable[[Bench], object]:
    """Bring what does not parse; without the right it comes again."""

    def act(bench: Bench) -> object:
        if function == "work":
            records: list[Any] = [{"messageId": "m", "body": secrets.token_hex(4)}]
        else:
            records = [mishaps.strange_records(secrets.token_hex(4))[2]]
        answer = bench.invoke(function, {"Records": records})
        return len(answer["batchItemFailures"])

    return act


# The queue --------------------------------------------------------------------------------------------


def erase(bench: Bench) -> str:
    return bench.ends(_deletion(bench, *bench.stored_token(bench.provider(), domain=a_domain())))


def refresh(bench: Bench) -> str:
    """Take a place with a provider; without the right to give it up it is held until its time is over."""
    name = bench.provider()
    token_id, subject = bench.stored_token(name, refresh_token=bench.played.issue(), expires_in=600)
    asked = bench.api.post(f"/tokens/{token_id}/refresh", bench.api.consumer(subject))
    bench.ends_anyhow(asked.json["id"])
    places = [stored.item(bench.cloud, f"LIMIT#{name}", f"PERMIT#{number:04d}") for number in range(2)]
    return "held" if any(places) else "given up"


def refresh_on_another_day(bench: Bench) -> str:
    """Refresh a token of the day before yesterday: its place is kept for longer, too."""
    token_id, subject = bench.stored_token(bench.provider(), refresh_token=bench.played.issue(), expires_in=600)
    bench.cloud.client("dynamodb").update_item(
        TableName=bench.cloud.table,
        Key={"pk": {"S": f"JOB#{token_id}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET obtained_at = :then",
        ExpressionAttributeValues={":then": {"N": str((time.time_ns() // 1_000) - 2 * 86_400_000_000)}},
    )
    return bench.ends(bench.api.post(f"/tokens/{token_id}/refresh", bench.api.consumer(subject)).json["id"])


def try_later(bench: Bench) -> str:
    """Refresh at a provider that does not answer: the job is brought again behind its back-off."""
    token_id, subject = bench.stored_token(bench.provider(), refresh_token=bench.played.issue(), expires_in=600)
    bench.played.script.append(Told(status=503))
    job_id = bench.api.post(f"/tokens/{token_id}/refresh", bench.api.consumer(subject)).json["id"]
    right = ("sqs:SendMessage", "WorkQueue.Arn")
    queued = bench.unless_refused(lambda: False in bench.asked("work", right))
    assert bench.status(job_id) in OPEN
    return "queued" if queued else "not queued"


def import_tokens(bench: Bench) -> str:
    return bench.ends(_import(bench, lines(*(unique("right") for _ in range(2)), domain=a_domain())))


def import_with_refusals(bench: Bench) -> str:
    return bench.ends(_import(bench, b"no json\n" + lines(unique("right"))))


def forget_the_file(bench: Bench) -> str:
    job_id = _import(bench, lines(unique("right")))
    assert bench.ends_anyhow(job_id) == "SUCCEEDED"
    key = stored.job(bench.cloud, job_id)["source"]["M"]["key"]["S"]
    return "forgotten" if bench.unless_refused(lambda: not is_there(bench, key)) else "left"


def do_a_settling_that_the_stream_lost(bench: Bench) -> str:
    """Send the worker a token.store of a place whose provider wants the replaced token revoked.

    Nobody is before it: what is IN_PROGRESS is none of the stream's, and the sweep, which would make it the stream's
    again, looks after it in an hour. So it has ended when the worker has answered.
    """
    token_id, _ = bench.stored_token(bench.provider(revoke_replaced=True), refresh_token=bench.played.issue())
    job_id = bench.open_job(token_id, due_at={"N": str(time.time_ns() // 1_000 + 3_600_000_000)})
    bench.invoke("work", {"Records": [{"messageId": "m", "body": json.dumps({"job_id": job_id})}]})
    return bench.status(job_id)


def reseal(bench: Bench) -> str:
    _, domain = bench.stored_token(domain=(name := a_domain())), name
    return _resealed(bench, "default", domain)


def reseal_credentials(bench: Bench) -> str:
    bench.provider()
    return _resealed(bench, *CREDENTIALS)


CREDENTIALS = ("default", "default")


def _resealed(bench: Bench, environment: str, domain: str) -> str:
    cloud = bench.cloud
    stage = Stage(
        table=Table(cloud.client("dynamodb"), cloud.table),
        sqs=cloud.client("sqs"),
        queue_url=cloud.queue_url,
        dead_letter_queue_url=cloud.dead_letter_queue_url,
        stream_failures_queue_url=cloud.stream_failures_queue_url,
        kms=cloud.client("kms"),
        key_id=cloud.key_id,
    )
    with contextlib.redirect_stdout(io.StringIO()) as said:
        rotated(stage, environment, domain, as_json=True)
    (row,) = json.loads(said.getvalue())
    job_id: str = row["job"]
    wait_for(lambda: stage.jobs.job(job_id).checkpoint, PATIENCE)
    # Without its seven minutes: nobody seals in this domain meanwhile.
    change = "SET checkpoint.begins_at = :now, not_before = :now"
    stage.table.update(keys.job_key(job_id), change, now=time.time_ns() // 1_000 - 1)
    stage.queue.send(job_id)
    return bench.ends(job_id)


# The schedules ----------------------------------------------------------------------------------------


def sweep(bench: Bench) -> str:
    """Look after an overdue job; the stack's own schedule may be first, so the log tells."""
    before = _failures(bench)
    bench.open_job(bench.stored_token()[0])
    return _swept(bench, before) or "sent"


def sweep_up(bench: Bench) -> str:
    """Look after a job that is beyond its last deadline: it ends, and its entry is written with that."""
    before = _failures(bench)
    job_id = bench.open_job(bench.stored_token()[0], deadline_at={"N": "1"})
    return _swept(bench, before) or bench.ends(job_id)


def _swept(bench: Bench, before: int) -> str:
    """Run the sweep; `failed` where one has said so since there were so many failures `before`, else nothing."""
    bench.run_schedule("sweep")
    if bench.is_refused():
        wait_for(lambda: _failures(bench) > before, PATIENCE)
    return "failed" if _failures(bench) > before else ""


def _failures(bench: Bench) -> int:
    return bench.cloud.logs("sweep").count('"event":"sweep.failed"')


def refresh_what_is_due(bench: Bench) -> str:
    token_id, _ = bench.stored_token(bench.provider(), refresh_token=bench.played.issue(), expires_in=1)

    def begun() -> bool:
        bench.run_schedule("refresh_due")
        return "refresh_job" in stored.job(bench.cloud, token_id)

    return "begun" if bench.unless_refused(begun) else "not begun"


def take_off_the_schedule(bench: Bench) -> str:
    """Look at a token that another has replaced."""
    name, subject = bench.provider(), unique("right")
    token = {"refresh_token": bench.played.issue(), "expires_in": 600}
    first, second = (bench.hand_in(subject, name, **token).json["id"] for _ in range(2))
    assert bench.ends(first) == bench.ends(second) == "SUCCEEDED"
    bench.cloud.client("dynamodb").update_item(
        TableName=bench.cloud.table,
        Key={"pk": {"S": f"JOB#{first}"}, "sk": {"S": "JOB"}},
        UpdateExpression="SET refresh_shard = :shard, refresh_at = :at",
        ExpressionAttributeValues={":shard": {"S": keys.refresh_shard(first)}, ":at": {"N": "1"}},
    )

    def dropped() -> bool:
        bench.run_schedule("refresh_due")
        return "refresh_at" not in stored.job(bench.cloud, first)

    return "dropped" if bench.unless_refused(dropped) else "kept"


def _deletion(bench: Bench, token_id: str, subject: str) -> str:
    answer = bench.api.delete(f"/tokens/{token_id}", bench.api.consumer(subject))
    assert answer.status == 202, answer.body
    return str(answer.json["id"])


def _import(bench: Bench, content: bytes) -> str:
    answer = bench.api.post("/imports", bench.api.producer, body=content, headers=NDJSON)
    assert answer.status == 202, answer.body
    return str(answer.json["id"])
