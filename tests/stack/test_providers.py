"""Providers on the deployed stack: under the function's own role and settings, the credential nowhere in sight."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from tests.chalicelib.outbound.server import answering, ok
from tests.stack import hunt
from tests.stack.http import unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud
    from tests.stack.http import Api


def settings(**members: Any) -> dict[str, Any]:
    return {"client_id": "c", "auth_method": "none", "token_endpoint": "http://127.0.0.1:9/token", **members}


def a_name() -> str:
    return f"provider-{secrets.token_hex(6)}"


def test_a_provider_is_set_up_shown_listed_and_taken_away(api: Api) -> None:
    name = a_name()

    first = api.put(f"/providers/{name}", api.admin, body=settings(margin=60))
    second = api.put(f"/providers/{name}", api.admin, body=settings(rotates=True))
    shown = api.get(f"/providers/{name}", api.admin)
    listed = api.get("/providers", api.admin)
    deleted = api.delete(f"/providers/{name}", api.admin)

    assert [answer.status for answer in (first, second, shown, listed, deleted)] == [200] * 5
    assert (first.json["rev"], first.json["margin"], first.json["updated_by"]) == (1, 60, "operator")
    assert (second.json["rev"], second.json["margin"], second.json["rotates"]) == (2, 300, True)
    assert shown.json == deleted.json == second.json
    assert second.json in listed.json["items"]
    assert api.get(f"/providers/{name}", api.admin).status == 404


def test_a_discovery_document_is_read_by_the_function(api: Api) -> None:
    name = a_name()
    with answering(b"") as server:
        issuer = server.url("/realm")
        document = {"issuer": issuer, "token_endpoint": f"{issuer}/token"}
        server.answers[:] = [ok(json.dumps(document).encode())]
        found = settings(token_endpoint=None, discovery_url=f"{issuer}/.well-known/openid-configuration")

        made = api.put(f"/providers/{name}", api.admin, body=found)

    assert made.status == 200, made.body
    assert made.json["discovered"]["token_endpoint"] == f"{issuer}/token"
    api.delete(f"/providers/{name}", api.admin)


def test_the_metadata_service_is_out_of_reach_also_where_private_addresses_are_allowed(api: Api) -> None:
    for url in ("http://169.254.169.254/latest/meta-data/", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/"):
        refused = api.put(f"/providers/{a_name()}", api.admin, body=settings(token_endpoint=url))

        assert (refused.status, refused.code) == (400, "address_refused")


def test_only_administrators_come_near_a_provider(api: Api) -> None:
    for bearer in (api.producer, api.consumer(unique("consumer"))):
        for method, path in (
            ("GET", "/providers"),
            ("GET", "/providers/p"),
            ("PUT", "/providers/p"),
            ("DELETE", "/providers/p"),
        ):
            assert api.call(method, path, bearer, body=settings() if method == "PUT" else None).status == 403
    assert api.get("/providers").status == 401


def test_a_credential_is_nowhere_in_sight(api: Api, cloud: LiveCloud) -> None:
    name, marker = a_name(), f"MARKER-{secrets.token_hex(12)}"
    basic = settings(auth_method="client_secret_basic", credential={"secret": marker})

    answers = [
        api.put(f"/providers/{name}", api.admin, body=basic),
        api.put(f"/providers/{name}", api.admin, body={**basic, "client_id": marker}),
        api.get(f"/providers/{name}", api.admin),
    ]

    assert [answer.status for answer in answers] == [200, 400, 200]
    assert answers[2].json["has_credential"] is True
    assert cloud.settle()
    assert hunt.traces(marker, [answer.body for answer in answers]) == []
    assert hunt.traces(marker, [*hunt.function_logs(cloud), *hunt.tool_logs(cloud)]) == []
    assert hunt.traces(marker, [*hunt.table_items(cloud), *hunt.stream_records(cloud)]) == []
    assert hunt.traces(name, hunt.table_items(cloud)), "the hunt finds what is there"
    api.delete(f"/providers/{name}", api.admin)
