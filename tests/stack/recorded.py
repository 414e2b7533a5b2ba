"""What the deployed functions ask of AWS: recorded on the wire between each of them and the local cloud.

An action and what it is done to are named as the policy files name them; a transaction is what its items are.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from devtool.between import Between, Reply, Request, environment_of
from tests.rights.requests import of_the_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from devtool.testing import LiveCloud

_DYNAMODB = "DynamoDB_20120810."
_KMS = "TrentService."
_SQS = "AmazonSQS."
_SOCKET = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebsocketAPI}/api/%s/@connections/%s"
_FORM_KEY = re.compile(rb'name="key"\r\n\r\n([^\r]+)')
_FILE_ACTIONS = {"PUT": "PutObject", "POST": "PutObject", "GET": "GetObject", "HEAD": "GetObject"}
FETCH = "http:GET"
"""A request that nobody signed: the issuer's keys."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One thing that a function asked for. `keys` are its partitions."""

    function: str
    action: str
    resource: str
    keys: tuple[str, ...] = ()
    encryption_context: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    refused: bool = False


class Record:
    """All that was seen, in its order."""

    def __init__(self) -> None:
        self._seen: list[Seen] = []

    def add(self, seen: Sequence[Seen]) -> None:
        self._seen.extend(seen)

    def mark(self) -> int:
        """Return where the record ends now."""
        return len(self._seen)

    def since(self, mark: int, *functions: str) -> list[Seen]:
        """Return what functions asked for since then; all of them if none is named."""
        return [one for one in self._seen[mark:] if one.function in functions or not functions]


class Recorder(Between):
    """What stands between one function and the local cloud."""

    def __init__(self, cloud: LiveCloud, function: str, record: Record) -> None:
        super().__init__(cloud.endpoint)
        self._cloud = cloud
        self._function = function
        self._record = record
        self.takes_pushes = True
        """Whether clients take what is pushed; if not, API Gateway gives up on them."""

    def answer(self, request: Request) -> Reply:
        is_push = request.method == "POST" and "/@connections/" in request.path
        reply = Reply(504, [], b"") if is_push and not self.takes_pushes else self.pass_on(request)
        refused = reply.status == 403 or b"AccessDenied" in reply.body
        self._record.add([Seen(**one, function=self._function, refused=refused) for one in self._asked(request)])
        return reply

    def _asked(self, request: Request) -> list[dict[str, Any]]:
        headers = {name.lower(): value for name, value in request.headers.items()}
        target = headers.get("x-amz-target", "")
        if target.startswith(_DYNAMODB):
            parts = of_the_table(target.removeprefix(_DYNAMODB), json.loads(request.body))
            return [dict(zip(("action", "resource", "keys"), part, strict=True)) for part in parts]
        if target.startswith(_KMS):
            context = json.loads(request.body)["EncryptionContext"]
            action = "kms:" + target.removeprefix(_KMS)
            return [{"action": action, "resource": "SecretKey.Arn", "encryption_context": context}]
        if target.startswith(_SQS):
            return [{"action": "sqs:" + target.removeprefix(_SQS), "resource": "WorkQueue.Arn"}]
        return [_by_its_path(request, is_signed="authorization" in headers)]


def _by_its_path(request: Request, *, is_signed: bool) -> dict[str, Any]:
    path = unquote(urlsplit(request.path).path)
    if "/@connections/" in path:
        about = _SOCKET % (request.method, path.rpartition("/")[2])
        return {"action": "execute-api:ManageConnections", "resource": about}
    if request.method == "POST":  # a file by its form, which the function signed and somebody else sends
        form = _FORM_KEY.search(request.body)
        assert form is not None, path
        return {"action": "s3:PutObject", "resource": f"${{Imports.Arn}}/{form[1].decode()}"}
    if not is_signed:
        return {"action": FETCH, "resource": path}
    action = "s3:" + _FILE_ACTIONS.get(request.method, "DeleteObject")
    key = path.removeprefix("/").partition("/")[2]
    return {"action": action, "resource": f"${{Imports.Arn}}/{key}", "method": request.method}


@contextmanager
def recorded(cloud: LiveCloud, functions: Sequence[str], record: Record) -> Iterator[dict[str, Recorder]]:
    """Put a recorder before each function, by its settings; their processes start anew."""
    configured = cloud.client("lambda").get_function_configuration
    with ExitStack() as stack:
        recorders = {}
        for function in functions:
            recorder = recorders[function] = stack.enter_context(Recorder(cloud, function, record))
            before = configured(FunctionName=cloud.function_name(function))["Environment"]["Variables"]
            moved = {
                name: value.replace(cloud.endpoint, recorder.url)
                for name, value in before.items()
                if name in ("JWKS_URL", "WEBSOCKET_MANAGEMENT_URL")
            }
            stack.enter_context(environment_of(cloud, function, {**moved, "AWS_ENDPOINT_URL": recorder.url}))
        yield recorders
