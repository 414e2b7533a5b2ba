"""The least that a function can do: sign by hand, one kept connection, the standard library alone.

`echo` puts the body that it was sent as one item; `push` posts what the stream brings to the socket that an item names.
Deployed as this one file; the bench itself calls with `Bare`, for the machine is the functions' too.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCOPE = ("x-amz-date", "x-amz-security-token", "x-amz-target", "host")


class Bare:
    """One connection to one service of AWS."""

    def __init__(self, url: str, service: str, variables: Mapping[str, str] = os.environ) -> None:
        self._parts = urlsplit(url)
        self._service = service
        self._region = variables["AWS_REGION"]
        self._access, self._secret = variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"]
        self._session = variables.get("AWS_SESSION_TOKEN")
        self._connection = http.client.HTTPConnection(self._parts.netloc, timeout=10)
        self._day, self._key = "", b""

    def ask(self, path: str, body: bytes, **headers: str) -> bytes:
        """Post, once more where the other side has closed the connection meanwhile. Raises OSError for a refusal."""
        path = self._parts.path + path
        sent = self._signed(path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        try:
            self._connection.request("POST", path, body, sent)
            answer = self._connection.getresponse()
        except (http.client.HTTPException, ConnectionError):
            self._connection.close()
            self._connection.request("POST", path, body, sent)
            answer = self._connection.getresponse()
        told = answer.read()
        if answer.status >= http.HTTPStatus.BAD_REQUEST:
            raise OSError(f"{answer.status}: {told[:200].decode(errors='replace')}")
        return told

    def put(self, table: str, item: object, **condition: str) -> None:
        """Put one item."""
        self.table("PutItem", {"TableName": table, "Item": item, **condition})

    def delete(self, table: str, **key: str) -> None:
        """Delete one item, by a key of texts."""
        self.table("DeleteItem", {"TableName": table, "Key": {name: {"S": value} for name, value in key.items()}})

    def table(self, operation: str, asked: object) -> Any:
        """Call an operation of DynamoDB."""
        body = json.dumps(asked, separators=(",", ":")).encode()
        target = f"DynamoDB_20120810.{operation}"
        return json.loads(self.ask("/", body, x_amz_target=target, content_type="application/x-amz-json-1.0"))

    def post(self, connection: str, message: bytes) -> None:
        """Post to a socket."""
        self.ask(f"/@connections/{quote(connection, safe='')}", message)

    def _signed(self, path: str, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        day = moment[:8]
        headers |= {"host": self._parts.netloc, "x-amz-date": moment}
        if self._session:
            headers["x-amz-security-token"] = self._session
        names = sorted(name for name in headers if name in _SCOPE)
        lines = "".join(f"{name}:{headers[name]}\n" for name in names)
        signed = ";".join(names)
        canonical = f"POST\n{quote(path, safe='/-_.~')}\n\n{lines}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        if day != self._day:
            key = f"AWS4{self._secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._day, self._key = day, key
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key, text.encode(), "sha256").hex()
        credential = f"Credential={self._access}/{scope}"
        return {
            **headers,
            "authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={signed}, Signature={signature}",
        }


_kept: dict[str, Bare] = {}


@cache
def _mould() -> dict[str, Any]:
    """Return the attributes that a put of ours has beside: what the table charges for is the same."""
    item: dict[str, Any] = json.loads(os.environ["ITEM"])
    return item


def echo(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Put the body as it came, and send it back."""
    body = event["body"]
    item_id = event["requestContext"]["requestId"]
    item = {**_mould(), "pk": {"S": f"JOB#{item_id}"}, "sealed": {"S": body}}
    _to("dynamodb", os.environ["AWS_ENDPOINT_URL"]).put(
        os.environ["TABLE_NAME"], item, ConditionExpression="attribute_not_exists(pk)"
    )
    _say(item_id)
    return {"statusCode": 202, "headers": {"content-type": "application/json"}, "body": body}


def push(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Post each record's text to the socket that its item names."""
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        sockets = _to("execute-api", os.environ["WEBSOCKET_MANAGEMENT_URL"])
        sockets.post(image["connection"]["S"], image["text"]["S"].encode())
    _say("pushed")
    return {"batchItemFailures": []}


def _to(service: str, url: str) -> Bare:
    if service not in _kept:
        _kept[service] = Bare(url, service)
    return _kept[service]


def _say(fact: str) -> None:
    # The local cloud waits 50 ms for a line of a function that writes none.
    print(fact, flush=True)
