"""The CloudFormation stack: code up, template in, outputs back, and the reason when it fails."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from devtool import environment, template
from devtool.errors import DeployFailed

if TYPE_CHECKING:
    from pathlib import Path

STACK = "cloakroom"
CODE_BUCKET = "cloakroom-code"
_DEPLOY_SECONDS = 180
_POLL_SECONDS = 0.1


class Stack:
    """One stack of the local cloud."""

    def __init__(self, endpoint: str, *, log: Path, name: str = STACK) -> None:
        self._endpoint = endpoint
        self._log = log
        self._name = name
        self._cloudformation = environment.client("cloudformation", endpoint)

    def exists(self) -> bool:
        """Tell whether the stack is there, in whatever state."""
        return self._describe() is not None

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs; raise DeployFailed when there is no stack."""
        description = self._describe()
        if description is None:
            raise DeployFailed(f"there is no stack {self._name}")
        return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}

    def physical_id(self, logical_id: str) -> str:
        """Name the resource that the stack made for a logical id."""
        detail = self._cloudformation.describe_stack_resource(StackName=self._name, LogicalResourceId=logical_id)
        return str(detail["StackResourceDetail"]["PhysicalResourceId"])

    def deploy(self, packaged: Path, parameters: dict[str, str]) -> template.Template:
        """Create or update the stack from what `chalice package` made; return the template as deployed."""
        key = self._upload(packaged / "deployment.zip")
        wanted = template.adapt(json.loads((packaged / "sam.json").read_text()), code_bucket=CODE_BUCKET, code_key=key)
        if self._known_id_is_in_the_way(wanted):
            self._apply(template.step_aside(wanted), parameters)
        self._apply(wanted, parameters)
        self._delete_abandoned_mappings()
        return wanted

    def _upload(self, archive: Path) -> str:
        s3 = environment.client("s3", self._endpoint)
        make_bucket(s3, CODE_BUCKET)
        key = f"{content_hash(archive)}.zip"
        s3.put_object(Bucket=CODE_BUCKET, Key=key, Body=archive.read_bytes())
        return key

    def _upload_template(self, wanted: template.Template) -> str:
        """Return where the template is: CloudFormation takes 51,200 bytes in a request, and a megabyte from S3."""
        key = f"{self._name}.json"
        body = json.dumps(wanted, separators=(",", ":")).encode()
        environment.client("s3", self._endpoint).put_object(Bucket=CODE_BUCKET, Key=key, Body=body)
        return f"{self._endpoint}/{CODE_BUCKET}/{key}"

    def _known_id_is_in_the_way(self, wanted: template.Template) -> bool:
        """Tell whether an update would make a second REST API under the id that the present one holds."""
        if not self.exists() or self.outputs().get("RestAPIId") != template.REST_API_ID:
            return False
        body = self._cloudformation.get_template(StackName=self._name, TemplateStage="Original")["TemplateBody"]
        current = json.loads(body) if isinstance(body, str) else body
        return template.rest_document(current) != template.rest_document(wanted)

    def _apply(self, wanted: template.Template, parameters: dict[str, str]) -> None:
        known = wanted.get("Parameters", {})
        request = {
            "StackName": self._name,
            "TemplateURL": self._upload_template(wanted),
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items() if name in known
            ],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        }
        description = self._describe()
        if description is not None and description["StackStatus"] in _DEAD_ENDS:
            self._delete()
            description = None
        began = time.time()
        try:
            if description is None:
                self._cloudformation.create_stack(**request)
            else:
                self._cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return
            raise DeployFailed(f"the stack was refused: {_message(error)}. The log: {self._log}") from error
        self._wait(began)

    def _wait(self, began: float) -> None:
        deadline = time.monotonic() + _DEPLOY_SECONDS
        while time.monotonic() < deadline:
            status = (self._describe() or {"StackStatus": "DELETE_COMPLETE"})["StackStatus"]
            if status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
                return
            if not status.endswith("_IN_PROGRESS"):
                raise DeployFailed(f"the stack ended as {status}: {self._reason(began)}. The log: {self._log}")
            time.sleep(_POLL_SECONDS)
        raise DeployFailed(f"the stack was not ready within {_DEPLOY_SECONDS} s. The log: {self._log}")

    def _reason(self, began: float) -> str:
        """Find the first resource that failed: what follows it is only the roll-back."""
        events = self._cloudformation.describe_stack_events(StackName=self._name)["StackEvents"]
        failed = [
            event
            for event in events
            if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"].timestamp() >= began - 1
        ]
        if not failed:
            return str((self._describe() or {}).get("StackStatusReason", "no reason was given"))
        first = min(failed, key=lambda event: event["Timestamp"])
        return f"{first['LogicalResourceId']}: {first.get('ResourceStatusReason', first['ResourceStatus'])}"

    def _delete(self) -> None:
        self._cloudformation.delete_stack(StackName=self._name)
        deadline = time.monotonic() + _DEPLOY_SECONDS
        while self.exists() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def _describe(self) -> dict[str, Any] | None:
        try:
            (description,) = self._cloudformation.describe_stacks(StackName=self._name)["Stacks"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        result: dict[str, Any] = description
        return None if result["StackStatus"] == "DELETE_COMPLETE" else result

    def _delete_abandoned_mappings(self) -> None:
        """Delete event-source mappings that a failed deploy left behind: each would deliver a second time."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._name)
        ours = {
            resource.get("PhysicalResourceId")
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == "AWS::Lambda::EventSourceMapping"
        }
        functions = environment.client("lambda", self._endpoint)
        for page in functions.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                if mapping["UUID"] not in ours and f"function:{self._name}-" in mapping["FunctionArn"]:
                    functions.delete_event_source_mapping(UUID=mapping["UUID"])


_DEAD_ENDS = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


def content_hash(archive: Path) -> str:
    """Hash what a zip holds, not how it was written: the same sources give the same key."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            digest.update(f"{name}\0{opened.getinfo(name).CRC}\n".encode())
            digest.update(opened.read(name))
    return digest.hexdigest()


def make_bucket(s3: Any, name: str) -> None:
    """Create a bucket unless it is there."""
    try:
        s3.create_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise


def _message(error: ClientError) -> str:
    return str(error.response["Error"].get("Message", error)).rstrip(".")
