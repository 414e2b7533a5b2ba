"""A table and a queue of a test's own, with everything around them that AWS does, by a clock that the test moves.

The handlers run in a process that can be killed (`victim`), over real DynamoDB and SQS. Records come from the table's
real stream through the deployed mapping's filter, messages from the real queue. When they come, and how often, is
decided here: a batch that failed comes again after a second, a message of a dead worker after its visibility time-out,
the sweep once a minute.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.model.clock import SECOND, SWEEP_PERIOD
from chalicelib.model.job import Status
from chalicelib.store import keys
from chalicelib.store.items import history_of
from chalicelib.store.jobs import Jobs
from chalicelib.store.leases import Leases
from chalicelib.store.trail import entry_from_item
from devtool import environment
from devtool.pump.filters import check, passes
from devtool.pump.reader import as_event
from tests.chalicelib.examples import NOW
from tests.guards.project import ROOT, TEMPLATE, event_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.store.table import Table
    from devtool.testing import LiveCloud

STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/x/stream/x"
VISIBLE_AGAIN = TEMPLATE["Resources"]["WorkQueue"]["Properties"]["VisibilityTimeout"] * SECOND
MOST_RECEIVES = TEMPLATE["Resources"]["WorkQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
MOST_RETRIES = event_source("Advance")["MaximumRetryAttempts"]
WANTED = [check(json.loads(one["Pattern"])) for one in event_source("Advance")["FilterCriteria"]["Filters"]]
SCHEDULED = dict.fromkeys(("version", "id", "account", "region", "time", "detail-type", "source"), "x") | {
    "resources": [],
    "detail": {},
}
BY_STREAM = 60 * SECOND
"""How long the stream and the queue take at the most where nothing is lost, failed batches included."""

ENDS = {
    "token.stored": Status.SUCCEEDED,
    "token.erased": Status.SUCCEEDED,
    "token.refreshed": Status.SUCCEEDED,
    "job.succeeded": Status.SUCCEEDED,
    "job.failed": Status.FAILED,
    "job.cancelled": Status.CANCELLED,
}
"""The audit's ends of jobs."""

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a function when it comes so far: death at a write, or a write that the network loses; once."""

    function: str
    die: tuple[int, str] | None = None
    fail: int | None = None


@dataclass(kw_only=True)
class Delivery:
    """A record or message on its way: when it comes next, and how often it came."""

    content: Any
    at: int
    times: int = 0


def as_it_comes(deliveries: list[Any]) -> list[Any]:
    return deliveries


def none_of_it(deliveries: list[Any]) -> list[Any]:
    return []


def each_three_times(deliveries: list[Any]) -> list[Any]:
    return [one for one in deliveries for _ in range(3)]


def backwards(deliveries: list[Any]) -> list[Any]:
    return deliveries[::-1]


@dataclass(kw_only=True)
class World:
    cloud: LiveCloud
    table: Table
    queue_url: str
    bucket: str = "of-a-world-without-imports"
    endpoint: str = ""
    """Where the handlers find AWS: the local cloud, unless somebody stands between."""
    records_come: Callable[[list[Any]], list[Any]] = as_it_comes
    messages_come: Callable[[list[Any]], list[Any]] = as_it_comes
    faults: list[Fault] = field(default_factory=list)
    now: int = NOW + SECOND
    deaths: list[int] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    """When a handler was killed, and when the network lost a write."""
    stream: list[Record] = field(default_factory=list)
    """All that the table's stream has told."""
    dead_letters: list[str] = field(default_factory=list)
    _records: list[Delivery] = field(default_factory=list)
    _messages: list[Delivery] = field(default_factory=list)
    _iterator: str | None = None
    _victim: subprocess.Popen[str] | None = None
    tick: int = 0
    """How much later it is for the victim each time that it looks at the clock (microseconds)."""

    @property
    def jobs(self) -> Jobs:
        return Jobs(self.table)

    @property
    def leases(self) -> Leases:
        return Leases(self.table)

    def live(self, *job_ids: str, until: int) -> None:
        """Let everything happen until these jobs have ended; an error when they have not by `until`."""
        while any(self.jobs.job(job_id).is_open for job_id in job_ids):
            self.happen(job_ids)
            assert self.now <= until, f"open at the end: {[self.jobs.job(job_id) for job_id in job_ids]}"
        self._take_in()

    def happen(self, job_ids: tuple[str, ...] = ()) -> None:
        """Do what is due, or move the clock on to what comes next."""
        self._take_in()
        records = [one for one in self._records if one.at <= self.now]
        messages = [one for one in self._messages if one.at <= self.now]
        if records:
            self._bring_records(records)
        elif messages:
            self._bring_message(messages[0])
        else:
            sweep_at = self._next_sweep(job_ids)
            self.now = min([sweep_at, *(one.at for one in self._records + self._messages)])
            if self.now == sweep_at:
                self.run("sweep", SCHEDULED)

    def run(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke a function; None when it died."""
        fault = next((one for one in self.faults if one.function == function), None)
        command = {
            "function": function,
            "event": event,
            "now": self.now,
            "tick": self.tick,
            "die": fault.die if fault else None,
            "fail": fault.fail if fault else None,
        }
        victim = self._victim or self._start()
        assert victim.stdin is not None
        assert victim.stdout is not None
        victim.stdin.write(json.dumps(command) + "\n")
        victim.stdin.flush()
        line = victim.stdout.readline()
        if not line:
            assert fault is not None, "the victim died, and nobody told it to"
            assert victim.wait(10) == -signal.SIGKILL, "the victim died by another hand than its own"
            self.deaths.append(self.now)
            self.faults.remove(fault)
            self.end()
            return None
        told = json.loads(line)
        self.now = max(self.now, told["now"])
        if fault is not None and fault.fail is not None and len(told["writes"]) >= fault.fail:
            self.failures.append(self.now)
            self.faults.remove(fault)
        return told.get("answer")

    def end(self) -> None:
        """End the process that runs the handlers."""
        victim, self._victim = self._victim, None
        if victim is not None:
            victim.kill()
            for pipe in (victim.stdin, victim.stdout):
                if pipe is not None:
                    pipe.close()
            victim.wait(10)

    def history(self, job_id: str) -> list[dict[str, Any]]:
        item = self.table.get(keys.job_key(job_id))
        assert item is not None
        return history_of(item)

    def ends(self, job_id: str) -> list[str]:
        """Return each end that a job came to: one, if all is well."""
        open_states = (Status.PENDING, Status.IN_PROGRESS)
        ends = [entry["status"] for entry in self.history(job_id) if entry["status"] not in open_states]
        assert self.told(job_id) == ends, "the audit tells of each end once"
        return ends

    def told(self, job_id: str) -> list[str]:
        """Return the ends of a job that the audit tells of, as statuses: the same, if all is well."""
        found: list[dict[str, Any]] = []
        more: dict[str, Any] | None = {}
        while more is not None:
            start = {"ExclusiveStartKey": more} if more else {}
            values = {":job": job_id, ":audit": "audit"}
            page, _, more = self.table.scan(FilterExpression="kind = :audit AND job_id = :job", values=values, **start)
            found += page
        entries = sorted(map(entry_from_item, found), key=lambda entry: entry.order)
        return [ENDS[entry.event] for entry in entries if entry.event in ENDS]

    def _next_sweep(self, job_ids: tuple[str, ...]) -> int:
        """Return when the next sweep runs that finds any of these jobs due: those before it would change nothing."""
        dues = [job.due_at for job in map(self.jobs.job, job_ids) if job.is_open]
        after = max(self.now, min(dues, default=self.now) - 1)
        return after - (after - NOW) % SWEEP_PERIOD + SWEEP_PERIOD

    def _take_in(self) -> None:
        self._records += [Delivery(content=record, at=self.now) for record in self.records_come(self._read_stream())]
        self._messages += self.messages_come(self._receive())

    def _bring_records(self, due: list[Delivery]) -> None:
        batch = [one.content for one in due]
        answer = self.run("advance", {"Records": batch})
        again = {failed["itemIdentifier"] for failed in answer["batchItemFailures"]} if answer else None
        for one in due:
            failed = again is None or one.content["dynamodb"]["SequenceNumber"] in again
            one.times += 1
            one.at = self.now + SECOND
            if not failed or one.times > MOST_RETRIES:
                self._records.remove(one)

    def _bring_message(self, message: Delivery) -> None:
        message.times += 1
        answer = self.run("work", {"Records": [{"messageId": "m", "body": message.content}]})
        message.at = self.now + VISIBLE_AGAIN
        if answer is not None and not answer["batchItemFailures"]:
            self._messages.remove(message)
        elif message.times >= MOST_RECEIVES:
            self._messages.remove(message)
            self.dead_letters.append(message.content)

    def _read_stream(self) -> list[Record]:
        streams = self.cloud.client("dynamodbstreams")
        if self._iterator is None:
            (stream,) = streams.list_streams(TableName=self.table.name)["Streams"]
            arn = stream["StreamArn"]
            shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
            asked = {"StreamArn": arn, "ShardId": shards[-1]["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            self._iterator = streams.get_shard_iterator(**asked)["ShardIterator"]
        page = streams.get_records(ShardIterator=self._iterator, Limit=1000)
        self._iterator = page.get("NextShardIterator", self._iterator)
        fresh = [as_event(record, STREAM) for record in page["Records"]]
        self.stream += fresh
        return [record for record in fresh if passes(record, WANTED)]

    def _receive(self) -> list[Delivery]:
        sqs = self.cloud.client("sqs")
        found = []
        while True:
            answer = sqs.receive_message(
                QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            ).get("Messages", [])
            if not answer:
                return found
            for message in answer:
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
                delay = int(message["MessageAttributes"]["delay"]["StringValue"]) * SECOND
                found.append(Delivery(content=message["Body"], at=self.now + delay))

    def _start(self) -> subprocess.Popen[str]:
        settings = {
            "TABLE_NAME": self.table.name,
            "QUEUE_URL": self.queue_url,
            "IMPORTS_BUCKET": self.bucket,
            "KMS_KEY_ID": self.cloud.key_id,
            "JWT_ISSUER": self.cloud.issuer,
            "JWT_AUDIENCE": self.cloud.audience,
            "JWKS_URL": self.cloud.jwks_url,
            "WEBSOCKET_URL": self.cloud.ws_url,
            "WEBSOCKET_MANAGEMENT_URL": self.cloud.endpoint,
            "EVENT_FAILURES": "report",
            "PRIVATE_PROVIDERS": "allow",
        }
        self._victim = subprocess.Popen(
            [sys.executable, "-m", "tests.stack.victim"],
            cwd=ROOT,
            env={**environment.for_child(self.endpoint or self.cloud.endpoint), **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return self._victim
