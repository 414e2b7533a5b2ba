"""One local cloud from start to stop: emulator, issuer, deploy, pump, first policies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from devtool import emulator, environment, gateway, packaging, template
from devtool.info import Info
from devtool.issuer import GROUPS_CLAIM, Issuer, load_key
from devtool.pump.pump import EXPIRY_SECONDS, Pump
from devtool.seed import seed
from devtool.stack import Stack
from devtool.workspace import PROJECT, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from devtool.emulator import Emulator

REST_STAGE = "api"
DRAIN_SECONDS = 15.0

CLIENTS = ("login-hook", "storefront")
"""Clients with limits of their own in the local cloud: of tokens with such an `azp`, `./dev token` gives none."""

ORIGINS = ("http://localhost:3000", "http://localhost:5173")
"""Where the usual tools serve a front end that is being written: such pages may read answers of the local cloud."""

# Where the emulator itself keeps which deploy it holds, so that the note comes and goes with its state.
_DEPLOYED = "/cloakroom/deployed"
_DEPLOYERS = ("template.py", "stack.py", "gateway.py", "cloud.py", "intrinsics.py", "requirements-cloud.txt")

Step = Callable[[str], AbstractContextManager[None]]


class Cloud:
    """A started local cloud with the app in it."""

    def __init__(self, workspace: Workspace, engine: Emulator, issuer: Issuer) -> None:
        self.workspace = workspace
        self.emulator = engine
        self.issuer = issuer
        self.endpoint = engine.endpoint
        self.stack = Stack(engine.endpoint, log=engine.log)
        self.pump: Pump | None = None

    @classmethod
    def start(cls, workspace: Workspace, *, port: int, step: Step, persist: bool, enforce_iam: bool = True) -> Cloud:
        """Start the emulator and publish the issuer's keys. `deploy` comes next.

        IAM is enforced as on AWS: a function may do what its policy file says and nothing else.
        """
        workspace.make()
        with step(f"starting the local cloud on port {port}"):
            engine = emulator.start(workspace, port, persist=persist, enforce_iam=enforce_iam)
        try:
            issuer = Issuer(load_key(workspace.issuer_key), engine.endpoint)
            issuer.publish(engine.endpoint)
            return cls(workspace, engine, issuer)
        except BaseException:
            engine.stop()
            raise

    def deploy(self, step: Step, *, expiry_interval: float = EXPIRY_SECONDS) -> Info:
        """Package and deploy if anything changed since the last time, and start the pump."""
        with step("packaging (chalice package)"):
            packaged = packaging.package(self.workspace.logs)
        wanted = self._fingerprint()
        current = self._deployed() == wanted
        if not current:
            with step("deploying the stack"):
                self._deploy(packaged)
        info = self.info()
        with step("taking over the stream mappings"):
            self.pump = Pump(self.endpoint, expiry_interval=expiry_interval).start()
        if not current:
            with step("writing the groups' policies"):
                seed(info.aws_endpoint_url, info.table)
            self._remember(wanted)
        return info

    def _deploy(self, packaged: Path) -> None:
        parameters = self._parameters()
        deployed = self.stack.deploy(packaged, parameters)
        gateway.complete(
            environment.client("apigateway", self.endpoint),
            self.stack.outputs()["RestAPIId"],
            template.rest_document(deployed, parameters),
            REST_STAGE,
        )
        self._complete_tables(deployed)
        self._complete_buckets(deployed)

    def _complete_tables(self, deployed: template.Template) -> None:
        """Set what MiniStack's CloudFormation ignores on a table: time to live, point-in-time recovery."""
        tables = environment.client("dynamodb", self.endpoint)
        for logical_id, attribute in template.expiring_tables(deployed).items():
            name = self.stack.physical_id(logical_id)
            current = tables.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
            if current.get("TimeToLiveStatus") != "ENABLED":
                tables.update_time_to_live(
                    TableName=name,
                    TimeToLiveSpecification={"Enabled": True, "AttributeName": attribute},
                )
        for logical_id in template.recoverable_tables(deployed):
            tables.update_continuous_backups(
                TableName=self.stack.physical_id(logical_id),
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )

    def _complete_buckets(self, deployed: template.Template) -> None:
        """Set what MiniStack's CloudFormation ignores on a bucket: its encryption."""
        buckets = environment.client("s3", self.endpoint)
        for logical_id, key in template.encrypted_buckets(deployed).items():
            default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.stack.physical_id(key)}
            buckets.put_bucket_encryption(
                Bucket=self.stack.physical_id(logical_id),
                ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
            )

    def _parameters(self) -> dict[str, str]:
        address = f"{self.emulator.endpoint.removeprefix('http')}/_aws/execute-api/{template.WEBSOCKET_API_ID}"
        return {
            "JwtIssuer": self.issuer.issuer,
            "JwtAudience": self.issuer.audience,
            "JwksUrl": self.issuer.jwks_url,
            "JwtGroupsClaim": GROUPS_CLAIM,
            "PrivateProviders": "allow",
            "Clients": ",".join(CLIENTS),
            "CorsOrigins": ",".join(ORIGINS),
            "WebsocketUrl": f"ws{address}/{REST_STAGE}",
            "WebsocketManagementUrl": f"http{address}/{REST_STAGE}",
        }

    def info(self) -> Info:
        """Read the addresses from the stack's outputs."""
        outputs = self.stack.outputs()
        gate = f"{self.endpoint.removeprefix('http')}/_aws/execute-api"
        return Info(
            api_url=f"http{gate}/{outputs['RestAPIId']}/{REST_STAGE}",
            ws_url=f"ws{gate}/{outputs['WebsocketAPIId']}/{REST_STAGE}",
            console_url=None,
            aws_endpoint_url=self.endpoint,
            table=outputs["TableName"],
            queue_url=self._here(outputs["QueueUrl"]),
            dead_letter_queue_url=self._here(outputs["DeadLetterQueueUrl"]),
            stream_failures_queue_url=self._here(outputs["StreamFailuresQueueUrl"]),
            key_id=outputs["KeyId"],
            issuer=self.issuer.issuer,
            audience=self.issuer.audience,
            jwks_url=self.issuer.jwks_url,
            stage=packaging.STAGE,
        )

    def _here(self, url: str) -> str:
        """Give a queue's address with today's port: MiniStack keeps the one that the queue was made at."""
        return self.endpoint + urlsplit(url).path

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(packaging.fingerprint().encode())
        digest.update(repr(sorted(self._parameters().items())).encode())
        for name in _DEPLOYERS:
            digest.update((PROJECT / "devtool" / name).read_bytes())
        return digest.hexdigest()

    def _deployed(self) -> str | None:
        notes = environment.client("ssm", self.endpoint)
        try:
            return str(notes.get_parameter(Name=_DEPLOYED)["Parameter"]["Value"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise

    def _remember(self, fingerprint: str) -> None:
        notes = environment.client("ssm", self.endpoint)
        notes.put_parameter(Name=_DEPLOYED, Value=fingerprint, Type="String", Overwrite=True)

    def discard(self) -> None:
        """End everything at once: nobody wants what is in it."""
        if self.pump is not None:
            self.pump.stop(drain_seconds=0)
        self.emulator.kill()

    def stop(self, *, drain_seconds: float = DRAIN_SECONDS) -> bool:
        """Deliver what is queued, then end the emulator with its workers; True if its state was written."""
        if self.pump is not None:
            self.pump.stop(drain_seconds=drain_seconds if self.emulator.is_alive() else 0)
        return self.emulator.stop()
