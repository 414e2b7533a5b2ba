"""One local cloud for all lines that need one, with the peers and the limits deployed beside ours.

It is started when it is first asked for, and ends with the process: four lines share what takes half a minute to make.
"""

from __future__ import annotations

import atexit
import base64
import functools
import json
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.beside import Beside, zipped
from bench.limits.bare import Bare
from chalicelib.model.deposit import Deposit
from chalicelib.model.ids import id_from
from chalicelib.model.job import Type, first_job
from chalicelib.model.token import Place, Token
from chalicelib.store.attributes import to_attributes
from chalicelib.store.items import deposit_to_item
from devtool import environment, issuer
from devtool.cloud import REST_STAGE
from devtool.template import WEBSOCKET_API_ID
from devtool.testing import LiveCloud, live_cloud

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USUAL_TABLE, BARE_TABLE = "usual", "bare"
BARE_ECHO = "bare-echo"
USUAL_PUSHES, BARE_PUSHES = "usual-pushes", "bare-pushes"
_FOR_LOGGING = ("aws_lambda_powertools", "jmespath", "typing_extensions")
_FOR_LOGIN = (
    *_FOR_LOGGING,
    *("chalice", "jwt", "cryptography", "cffi", "_cffi_backend"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_inspection"),
)
"""What Lambda's runtime does not carry; boto3 it does."""
_TABLE_ACTIONS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:DeleteItem")


@dataclass(frozen=True, slots=True)
class Bed:
    """Where ours, the peers and the limits are found. `urls` of their APIs: `POST` to `/tokens`."""

    cloud: LiveCloud
    usual_url: str
    bare_url: str

    @property
    def table(self) -> Bare:
        """A client of the tables that costs little."""
        return Bare(self.cloud.endpoint, "dynamodb", environment.fixed_credentials())

    @property
    def management_url(self) -> str:
        """Where sockets are posted to."""
        return self.cloud.ws_url.replace("ws", "http", 1)


@functools.cache
def bed() -> Bed:
    """Return the cloud of this run."""
    kept = ExitStack()
    urls: list[str] = []
    cloud = kept.enter_context(live_cloud(beside=lambda endpoint: urls.extend(_deploy(Beside(endpoint)))))
    atexit.register(kept.close)  # behind what the cloud itself registers, so that it is closed before
    return Bed(cloud, *urls)


def _deploy(beside: Beside) -> Sequence[str]:
    """Deploy peers and limits; return the addresses of the usual API and of the bare one."""
    key_id, wrapped = beside.key()
    usual = _variables(beside.endpoint, USUAL_TABLE) | {"KMS_KEY_ID": key_id, "WRAPPED_KEY": wrapped}
    bare = _variables(beside.endpoint, BARE_TABLE) | {"ITEM": json.dumps(_item())}
    beside.table(USUAL_TABLE)
    beside.table_like_ours(BARE_TABLE)
    login = zipped("bench.peers.usual", "bench.peers.storing", "bench.peers.admitting", packages=_FOR_LOGIN)
    limit = zipped("bench.limits.bare")
    may = (*_TABLE_ACTIONS, "kms:Decrypt")
    admitting = beside.function("usual-admit", login, handler="bench.peers.admitting.handler", variables=usual, may=may)
    hand_in = beside.function("usual-login", login, handler="bench.peers.usual.handler", variables=usual, may=may)
    echo = beside.function(BARE_ECHO, limit, handler="bench.limits.bare.echo", variables=bare, may=_TABLE_ACTIONS)
    for name, code, handler in (
        (USUAL_PUSHES, zipped("bench.peers.stream_posts", packages=_FOR_LOGGING), "bench.peers.stream_posts.handler"),
        (BARE_PUSHES, limit, "bench.limits.bare.push"),
    ):
        stream = beside.table(name, is_streamed=True)
        variables, may = _variables(beside.endpoint, name), (*_TABLE_ACTIONS, "execute-api:ManageConnections")
        beside.listen(stream, beside.function(name, code, handler=handler, variables=variables, may=may))
    return [
        beside.gateway("usual", {"/tokens": hand_in}, authorizer=admitting),
        beside.gateway("bare", {"/tokens": echo}, authorizer=admitting),
    ]


def _item() -> Mapping[str, object]:
    """Return a hand-in's item as ours is stored, for the limit to put: the local cloud charges by the attribute."""
    now = time.time_ns() // 1_000
    token = Token(
        id=id_from(bytes(16)),
        place=Place(environment="default", domain="default", subject="auth0|0123456789abcdef", provider="google"),
        requester="login-hook",
        accepted_at=now,
        fingerprint="k1:0123456789abcdef",
        token_type="Bearer",  # noqa: S106  no password
        expires_at=now // 1_000_000 + 3_599,
    )
    origin = {"issuer": "http://127.0.0.1:50000/cloakroom-issuer", "groups": "producer", "address": "127.0.0.1"}
    job = first_job(token.id, Type.STORE, token, requester=token.requester, now=now, origin=origin)
    deposit = Deposit(job=job, token=token, sealed=b"", body_mark=bytes(32), key_version=1)
    attributes = to_attributes(deposit_to_item(deposit))
    mark = base64.b64encode(bytes(32)).decode()
    return {**attributes, "sealed": {"S": ""}, "body_mark": {"B": mark}}


def _variables(endpoint: str, table: str) -> dict[str, str]:
    published = f"{endpoint}/{issuer.BUCKET}"
    return {
        "TABLE_NAME": table,
        "WEBSOCKET_MANAGEMENT_URL": f"{endpoint}/_aws/execute-api/{WEBSOCKET_API_ID}/{REST_STAGE}",
        "JWT_ISSUER": published,
        "JWT_AUDIENCE": issuer.AUDIENCE,
        "JWKS_URL": f"{published}/jwks.json",
        "POWERTOOLS_SERVICE_NAME": "usual",
        "POWERTOOLS_METRICS_NAMESPACE": "usual",
    }
