"""Which deployment an operator looks at: the local cloud, or a stack in the caller's own AWS account."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.process.messages import WorkQueue
from chalicelib.seal.keyring import Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.store.access import Revocations
from chalicelib.store.branch_keys import BranchKeys
from chalicelib.store.cached import CachedDocuments
from chalicelib.store.jobs import Jobs
from chalicelib.store.open_jobs import OpenJobs
from chalicelib.store.providers import Providers
from chalicelib.store.quarantine import Quarantine
from chalicelib.store.table import Table
from devtool import environment
from devtool.errors import DevError
from devtool.info import ready
from devtool.workspace import default_workspace

if TYPE_CHECKING:
    from chalicelib.seal.keyring import KeyStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """A deployment's table, queues and KMS key, through the app's own code."""

    table: Table
    sqs: Any
    queue_url: str
    dead_letter_queue_url: str
    stream_failures_queue_url: str
    kms: Any
    key_id: str

    @property
    def branch_keys(self) -> BranchKeys:
        """Its domains' keys, wrapped."""
        return BranchKeys(self.table)

    def keyring(self, store: KeyStore | None = None) -> Keyring:
        """Return a keyring that remembers nothing yet."""
        return Keyring(store or self.branch_keys, KmsWrapper(self.kms, self.key_id), now)

    @property
    def providers(self) -> Providers:
        """Its providers."""
        return Providers(self.table)

    @property
    def jobs(self) -> Jobs:
        """Its jobs."""
        return Jobs(self.table)

    @property
    def open_jobs(self) -> OpenJobs:
        """Its open jobs."""
        return OpenJobs(self.table)

    @property
    def quarantine(self) -> Quarantine:
        """Its quarantine."""
        return Quarantine(self.table)

    @property
    def cache(self) -> CachedDocuments:
        """What outsiders published."""
        return CachedDocuments(self.table)

    @property
    def revocations(self) -> Revocations:
        """Whose access was ended."""
        return Revocations(self.table)

    @property
    def queue(self) -> WorkQueue:
        """Its queue of work."""
        return WorkQueue(self.sqs, self.queue_url)


def now() -> int:
    """Return microseconds since the epoch."""
    return time.time_ns() // 1_000


def local() -> Stage:
    """Return the running local cloud. Raises NotRunning."""
    info = ready(default_workspace())
    endpoint = info.aws_endpoint_url
    return Stage(
        table=Table(environment.client("dynamodb", endpoint), info.table),
        sqs=environment.client("sqs", endpoint),
        queue_url=info.queue_url,
        dead_letter_queue_url=info.dead_letter_queue_url,
        stream_failures_queue_url=info.stream_failures_queue_url,
        kms=environment.client("kms", endpoint),
        key_id=info.key_id,
    )


def real(stack: str) -> Stage:
    """Return a stack of the account that the caller's own credentials and region name.

    The one place behind `./dev` that looks at them, and only when `--stage` is typed.
    """
    import boto3  # noqa: PLC0415  not for `./dev ops --help`
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        session = boto3.Session()
        stacks = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        raise DevError(f"cannot read the stack {stack!r} with your AWS credentials: {error}") from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    try:
        return Stage(
            table=Table(session.client("dynamodb"), outputs["TableName"]),
            sqs=session.client("sqs"),
            queue_url=outputs["QueueUrl"],
            dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
            stream_failures_queue_url=outputs["StreamFailuresQueueUrl"],
            kms=session.client("kms"),
            key_id=outputs["KeyId"],
        )
    except KeyError as missing:
        raise DevError(f"the stack {stack!r} has no output {missing}: is it Cloakroom's?") from None
