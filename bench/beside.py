"""What is deployed into a local cloud beside ours, through its control plane: functions, tables, a gateway."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtool import environment
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RUNTIME = "python3.11"
MEMORY = 512
"""Megabytes, as ours."""
_ACTIVE_SECONDS = 30.0


class Beside:
    """The control plane of one local cloud. Roles allow what is asked for and nothing else, as ours do."""

    def __init__(self, endpoint: str) -> None:
        self._clients = {
            name: environment.client(name, endpoint) for name in ("apigateway", "dynamodb", "iam", "kms", "lambda")
        }
        self.endpoint = endpoint

    def table(self, name: str, *, is_streamed: bool = False) -> str:
        """Make a table with keys of text `pk` and `sk`; return its stream's ARN, or nothing."""
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        return self._table(
            name,
            AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part in ("pk", "sk")],
            KeySchema=keys,
            StreamSpecification=stream if is_streamed else {"StreamEnabled": False},
        )

    def table_like_ours(self, name: str) -> str:
        """Make a table with the indexes and the stream of ours; return its stream's ARN."""
        template = json.loads((PROJECT / "infrastructure" / "template.json").read_text(encoding="utf-8"))
        ours = template["Resources"]["Table"]["Properties"]
        copied = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        stream = {"StreamEnabled": True, **ours["StreamSpecification"]}
        return self._table(name, **{part: ours[part] for part in copied}, StreamSpecification=stream)

    def _table(self, name: str, **properties: Any) -> str:
        tables = self._clients["dynamodb"]
        made = tables.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", **properties)
        return str(made["TableDescription"].get("LatestStreamArn", ""))

    def key(self) -> tuple[str, str]:
        """Make a KMS key and a data key under it; return the one's id and the other as it is wrapped, in base64."""
        kms = self._clients["kms"]
        key_id = kms.create_key()["KeyMetadata"]["KeyId"]
        wrapped = kms.generate_data_key_without_plaintext(KeyId=key_id, KeySpec="AES_256")["CiphertextBlob"]
        return key_id, base64.b64encode(wrapped).decode()

    def function(
        self, name: str, code: bytes, *, handler: str, variables: Mapping[str, str], may: Iterable[str]
    ) -> str:
        """Deploy a function that `may` take these actions; return its ARN."""
        trust = _policy({"Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})
        role = self._clients["iam"].create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        allowed = _policy({"Action": [*may, "logs:*"], "Resource": "*"})
        self._clients["iam"].put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=allowed)
        functions = self._clients["lambda"]
        made = functions.create_function(
            FunctionName=name,
            Runtime=RUNTIME,
            Role=role,
            Handler=handler,
            Code={"ZipFile": code},
            Timeout=15,
            MemorySize=MEMORY,
            Environment={"Variables": dict(variables)},
        )
        deadline = time.monotonic() + _ACTIVE_SECONDS
        while functions.get_function_configuration(FunctionName=name)["State"] != "Active":
            if time.monotonic() > deadline:
                raise TimeoutError(f"the function {name} was not active within {_ACTIVE_SECONDS:.0f} s")
            time.sleep(0.05)
        functions.add_permission(
            FunctionName=name,
            StatementId="gateway",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
        return str(made["FunctionArn"])

    def listen(self, stream: str, function: str) -> None:
        """Have a function hear of a stream, as ours do."""
        self._clients["lambda"].create_event_source_mapping(
            EventSourceArn=stream,
            FunctionName=function,
            StartingPosition="TRIM_HORIZON",
            BatchSize=100,
            ParallelizationFactor=4,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def gateway(self, name: str, routes: Mapping[str, str], *, authorizer: str) -> str:
        """Make a REST API that posts each path (`/tokens`) to a function behind an authorizer; return its address."""
        gateway = self._clients["apigateway"]
        api = gateway.create_rest_api(name=name)["id"]
        guard = gateway.create_authorizer(
            restApiId=api,
            name="authorize",
            type="TOKEN",
            authorizerUri=self._invocation(authorizer),
            identitySource="method.request.header.Authorization",
            authorizerResultTtlInSeconds=300,
        )["id"]
        root = gateway.get_resources(restApiId=api)["items"][0]["id"]
        for path, function in routes.items():
            part = gateway.create_resource(restApiId=api, parentId=root, pathPart=path.strip("/"))["id"]
            where = {"restApiId": api, "resourceId": part, "httpMethod": "POST"}
            gateway.put_method(**where, authorizationType="CUSTOM", authorizerId=guard)
            uri = self._invocation(function)
            gateway.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        gateway.create_deployment(restApiId=api, stageName="api")
        return f"{self.endpoint}/_aws/execute-api/{api}/api"

    @staticmethod
    def _invocation(function: str) -> str:
        prefix = f"arn:aws:apigateway:{environment.REGION}:lambda:path/2015-03-31/functions"
        return f"{prefix}/{function}/invocations"


def zipped(*modules: str, packages: Iterable[str] = ()) -> bytes:
    """Return a deployment package: modules of the bench, and packages of its environment by their import names."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for module in modules:
            path = f"{module.replace('.', '/')}.py"
            archive.write(PROJECT / path, path)
        for name in packages:
            for found, arcname in _files(name):
                archive.write(found, arcname)
    return written.getvalue()


def _files(package: str) -> Iterable[tuple[Path, str]]:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{package} is not among bench/requirements.txt's")
    source = Path(found.origin)
    if source.stem != "__init__":
        yield source, source.name
        return
    for path in source.parent.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path, str(path.relative_to(source.parent.parent))


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
