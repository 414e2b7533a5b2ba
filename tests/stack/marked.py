"""A scene with a marked secret: all that can be done with it, and all that can fail under it."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jwt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.stack import mishaps, stored
from tests.stack.http import Answer, Api, at, unique

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtool.testing import LiveCloud

PATIENCE = 30


@dataclass
class Scene:
    cloud: LiveCloud
    api: Api
    subject: str = field(default_factory=lambda: unique("marked"))
    secret: str = field(default_factory=lambda: f"zq7S{token_hex(10)}")
    misplaced: str = field(default_factory=lambda: f"zq7P{token_hex(10)}")
    planted: str = field(default_factory=lambda: f"zq7T{token_hex(10)}")
    texts: list[str] = field(default_factory=list)
    """What sockets and functions answered."""

    @property
    def consumer(self) -> str:
        return self.api.consumer(self.subject)

    @property
    def token(self) -> dict[str, Any]:
        mark = self.secret
        return {
            "access_token": f"ya29.{mark}-access",
            "refresh_token": f"1//{mark}/refresh",
            "id_token": jwt.encode({"nonce": mark}, "k" * 32, algorithm="HS256"),
            "extra": {mark: mark, "authed_user": {"access_token": f"xoxp.{mark}"}, "list": [[mark]]},
        }

    @property
    def body(self) -> dict[str, Any]:
        return {"subject": self.subject, "provider": "google", "token": self.token, "metadata": {"shop": "de"}}

    def with_token(self, **changes: object) -> dict[str, Any]:
        return {**self.body, "token": {**self.token, **changes}}

    def post(self, body: object, **headers: str) -> Answer:
        return self.api.post("/tokens", self.api.producer, body=body, headers=headers)

    def hand_in(self) -> str:
        return str(self.post(self.body).json["id"])

    def ids(self) -> list[str]:
        return [answer.json["id"] for answer in self.api.answers if answer.status == 202]


def listen(socket: ClientConnection, into: list[str]) -> None:
    """Keep what comes until the socket closes."""
    try:
        while True:
            into.append(str(socket.recv()))
    except ConnectionClosed:
        return


@contextmanager
def watching(scene: Scene) -> Iterator[None]:
    """Keep everything that three watchers are told, and say the secret on a socket."""
    with ExitStack() as stack:
        bodies = [(scene.consumer, {}), (scene.api.producer, {}), (scene.api.admin, {"subject": scene.subject})]
        tickets = [scene.api.post("/tickets", bearer, body=body).json for bearer, body in bodies]
        sockets = [stack.enter_context(connect(ticket["url"], open_timeout=PATIENCE, proxy=None)) for ticket in tickets]
        for socket in sockets:
            threading.Thread(target=listen, args=(socket, scene.texts), daemon=True).start()
        sockets[0].send(scene.secret)
        sockets[0].send(json.dumps({"action": scene.secret}))
        sockets[0].send(json.dumps({"action": "snapshot", scene.secret: scene.secret}))
        yield


def use(scene: Scene) -> None:
    """Do with the token what it is for."""
    api, keyed = scene.api, {"Idempotency-Key": f"key of {scene.secret}"}
    first = scene.post(scene.body, **keyed)
    assert (first.status, scene.post(scene.body, **keyed).status) == (202, 202)
    assert scene.post(scene.with_token(scope="another"), **keyed).status == 422
    assert scene.cloud.settle()
    token_id, doomed = first.json["id"], scene.hand_in()
    for bearer in (scene.consumer, api.admin):
        for path in (f"/tokens/{token_id}", f"/jobs/{token_id}", at(scene.subject), at(scene.subject, "google")):
            assert api.get(path, bearer).status == 200
        for path in (f"/tokens/{token_id}/secret", at(scene.subject, "google", "secret")):
            assert api.get(path, bearer).status == 200
    assert api.get(f"/tokens/{token_id}/secret", api.producer).status == 403
    assert api.get(f"/tokens/{token_id}/secret", api.consumer(unique("other"))).status == 404
    assert api.delete(f"/tokens/{doomed}", scene.consumer).status == 202
    audited = api.get(f"/audit?subject={quote(scene.subject, safe='')}", api.admin)
    assert {"token.stored", "token.read", "token.deleted", "refused"} <= {one["event"] for one in audited.json["items"]}
    assert api.get("/audit/reconcile", api.admin).status == 200
    assert api.get(f"/tokens/{doomed}/secret", scene.consumer).status == 410
    short = scene.post(scene.with_token(expires_in=0)).json["id"]
    assert api.get(f"/tokens/{short}/secret", scene.consumer).status == 410
    brief = scene.post(scene.with_token(expires_in=60)).json["id"]
    assert api.get(f"/tokens/{brief}/secret?min_ttl=61", scene.consumer).status == 409


def misuse(scene: Scene) -> None:
    """Put the token where something else belongs."""
    mark, token = scene.secret, scene.token["access_token"]
    for body in (
        {**scene.body, "metadata": {"note": token}},
        {**scene.body, "metadata": {"note": f"see {scene.token['refresh_token']}!"}},
        {**scene.body, "metadata": {token: "note"}},
        {**scene.body, "metadata": mark},
        {**scene.body, "subject": token},
        scene.with_token(scope=f"read {token}"),
        scene.with_token(token_type=token),
        {**scene.body, "metadata": {"note": [mark]}},
        *({**scene.body, name: f"{mark}%"} for name in ("subject", "provider", "environment", "domain")),
        *({**scene.body, name: {mark: mark}} for name in ("subject", "provider", "environment", "domain", "token")),
        *(scene.with_token(**{name: [mark]}) for name in scene.token),
        *(scene.with_token(**{name: mark}) for name in ("expires_in", "expires_at", "extra")),
        scene.with_token(scope=mark * 200),
        scene.with_token(token_type=mark * 9),
        scene.with_token(access_token=mark + "x" * 16_384),
        scene.with_token(extra={mark: mark * 500}),
        *({**scene.body, name: 1} for name in (mark, f"{mark}`", f"`$.{mark}`", f"a - at `$.{mark}`", "_" + mark)),
        *(scene.with_token(**{name: 1}) for name in (mark, f"{mark}`", f"` - at `$.{mark}`", f"{mark}.{mark}", "")),
    ):
        answer = scene.post(body)
        assert answer.status == 400, body
    assert scene.post({**scene.body, "filler": "x" * 65_536}).status == 413
    for key in ("k" * 256 + mark, f"{mark}\t{mark}"):
        assert scene.post(scene.body, **{"Idempotency-Key": key}).status == 400
    assert scene.post(scene.body, **{"Content-Type": f"text/{mark}"}).status == 415
    for ticket in ({"subject": f"{mark}%"}, {"job": mark}, {mark: mark}, [mark], mark):
        assert scene.api.post("/tickets", scene.consumer, body=ticket).status == 400


def malform(scene: Scene) -> None:
    """Cut and spoil the body at every place around the secret."""
    raw, mark = json.dumps(scene.body).encode(), scene.secret.encode()
    spoiled = [raw[: raw.index(mark) + cut] for cut in (0, 3, len(mark), len(mark) + 1)]
    spoiled += [raw.replace(mark, mark + bad, 1) for bad in (b'"', b"\\", b"\n", b"\x00", b"\\ud800", b"\\x")]
    spoiled += [mark, b'"' + mark + b'"', b"[" + mark, raw + mark, mark + raw, b"access_token=" + mark, raw[:-1]]
    spoiled += [base64.b64encode(raw), raw.decode().encode("utf-16"), raw.replace(b"ya29.", b"")[1:], b"[" + raw + b"]"]
    for body in spoiled:
        assert scene.post(body).status == 400, body
    # What is no UTF-8 never reaches us: the gateway hands bodies on as text.
    assert scene.post(raw.replace(mark, mark + b"\xff", 1)).status in (202, 400)
    for header in (f"Bearer {scene.secret}", f"Bearer {scene.secret}.x.y", f"Basic {scene.secret}", scene.secret):
        assert scene.api.get("/jobs/" + "a" * 26, headers={"Authorization": header}).status == 403


def misplace(scene: Scene) -> None:
    """Put another secret into addresses, where any server in front may log it, but we do not."""
    mark, api = scene.misplaced, scene.api
    for path in (
        f"/tokens/{mark}",
        f"/jobs/{mark}",
        f"/tokens/{mark}/secret",
        f"/{mark}",
        f"/subjects/{mark}%25/tokens",
    ):
        assert api.get(path, api.admin).status in (400, 403, 404), path
    for query in (f"{mark}=1", f"min_ttl={mark}", f"min_ttl=1&access_token={mark}"):
        assert api.get(f"/tokens/{'a' * 26}/secret?{query}", api.admin).status == 400
    for query in (f"cursor={mark}", f"domain={mark}%25", f"environment={mark.upper()}", f"limit={mark}"):
        assert api.get(f"{at(scene.subject)}?{query}", scene.consumer).status == 400
    assert api.get(at(scene.subject, quote(f"{mark}%", safe="")), scene.consumer).status in (400, 403, 404)
    with (
        pytest.raises(InvalidStatus),
        connect(f"{scene.cloud.ws_url}?ticket={mark}", open_timeout=PATIENCE, proxy=None),
    ):
        pass


def break_what_it_rests_on(scene: Scene) -> None:
    """Let the key, the table and the sealed form fail under it."""
    cloud, api = scene.cloud, scene.api
    moved, altered, cut = scene.hand_in(), scene.hand_in(), scene.hand_in()
    with mishaps.key_disabled(cloud):
        answer = scene.post({**scene.body, "domain": f"new-{token_hex(4)}"})
        assert (answer.status, answer.code) == (503, "unavailable")
    with mishaps.denied(cloud, "api_handler", "dynamodb:PutItem", "dynamodb:GetItem"):
        assert scene.post(scene.body).status >= 500
        assert api.get(f"/tokens/{moved}/secret", scene.consumer).status >= 500
    sealed = stored.job(cloud, altered)["sealed"]["B"]
    mishaps.reseal(cloud, moved, sealed)
    mishaps.reseal(cloud, altered, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    mishaps.reseal(cloud, cut, sealed[:20])
    for token_id in (moved, altered, cut):
        answer = api.get(f"/tokens/{token_id}/secret", scene.consumer)
        assert (answer.status, answer.code) == (500, "seal_broken")


def plant_poison(scene: Scene) -> None:
    """Store what nobody of ours would: the stream's consumers set it aside."""
    scene.cloud.client("dynamodb").put_item(TableName=scene.cloud.table, Item=mishaps.poison(scene.planted))


def deliver_what_nobody_sends(scene: Scene) -> None:
    cloud = scene.cloud
    for function in ("advance", "notify"):
        records = mishaps.strange_records(scene.planted)
        for batch in (records, [record for record in records if "SequenceNumber" in record.get("dynamodb", "")]):
            scene.texts.append(mishaps.invoke(cloud, function, batch).decode())
    bodies = [scene.planted, json.dumps({"job_id": [scene.planted]}), json.dumps({scene.planted: scene.planted})]
    messages = [{"messageId": str(number), "body": body} for number, body in enumerate(bodies)]
    scene.texts.append(mishaps.invoke(cloud, "work", messages).decode())
