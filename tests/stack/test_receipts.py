"""Receipts of the deployed stack, verified by two libraries that are not ours, whatever happens meanwhile."""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
import pytest
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from chalicelib.intake.accept import idempotent_id
from chalicelib.seal.keyring import Keyring
from chalicelib.seal.kms import KmsWrapper
from chalicelib.store.branch_keys import BranchKeys
from chalicelib.store.table import Table
from devtool.between import environment_of
from devtool.testing import wait_for
from tests.guards.project import README
from tests.stack.http import Answer, Api, hand_in, unique

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

HANDED_IN = 24


@pytest.fixture
def domain() -> str:
    """Return a domain that no other test uses."""
    return f"d{secrets.token_hex(6)}"


def keyed(api: Api, key: str, body: object) -> Answer:
    for _ in range(5):  # of many workers that start at once, some come up too late
        answer = api.post("/tokens", api.producer, body=body, headers={"Idempotency-Key": key})
        if answer.status not in (502, 503):
            break
    assert answer.status == 202, answer.body
    return answer


def keys_of(api: Api, domain: str = "default") -> dict[str, Any]:
    answer = api.get(f"/receipts/jwks.json?domain={domain}", api.producer)
    assert answer.status == 200, answer.body
    published: dict[str, Any] = answer.json
    return published


def by_pyjwt(receipt: str, keys: dict[str, Any]) -> dict[str, Any]:
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(receipt)["kid"]]
    claims: dict[str, Any] = jwt.decode(receipt, key, algorithms=["EdDSA"])
    return claims


def by_joserfc(receipt: str, keys: dict[str, Any]) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # it would rather have RFC 9864's name of the algorithm
        found = jws.deserialize_compact(receipt, KeySet.import_key_set(keys), algorithms=["EdDSA"])  # type: ignore[arg-type]
    claims: dict[str, Any] = json.loads(found.payload)
    return claims


def keyring_of(cloud: LiveCloud) -> Keyring:
    store = BranchKeys(Table(cloud.client("dynamodb"), cloud.table))
    return Keyring(store, KmsWrapper(cloud.client("kms"), cloud.key_id), lambda: time.time_ns() // 1_000)


def test_two_libraries_read_the_same_from_a_receipt(api: Api) -> None:
    handed = api.post("/tokens", api.producer, body=hand_in(unique("receipt"))).json
    keys = keys_of(api)

    claims = by_pyjwt(handed["receipt"], keys)

    assert by_joserfc(handed["receipt"], keys) == claims
    assert (claims["jti"], claims["accepted_at"]) == (handed["id"], handed["accepted_at"])


def test_the_readmes_example_verifies_a_receipt_and_no_altered_one(api: Api, cloud: LiveCloud) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    handed = api.post("/tokens", api.producer, body=hand_in(unique("readme"))).json

    def run(receipt: str) -> subprocess.CompletedProcess[str]:
        typed = [sys.executable, "-c", example, receipt, cloud.api_url, api.producer]
        return subprocess.run(typed, capture_output=True, text=True, timeout=60, check=False)

    good, bad = run(handed["receipt"]), run(handed["receipt"][:-4] + "AAAA")

    assert json.loads(good.stdout)["jti"] == handed["id"], good.stderr
    assert (bad.returncode, bad.stdout) == (1, "")
    assert "InvalidSignatureError" in bad.stderr


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_receipt_that_was_altered_anywhere_verifies_nowhere(api: Api, part: int) -> None:
    body = hand_in(unique("altered"))
    receipt, keys = api.post("/tokens", api.producer, body=body).json["receipt"], keys_of(api)
    parts = receipt.split(".")
    raw = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    raw[len(raw) // 2] ^= 1
    parts[part] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    altered = ".".join(parts)

    with pytest.raises((jwt.PyJWTError, KeyError)):
        by_pyjwt(altered, keys)
    with pytest.raises((JoseError, ValueError)):
        by_joserfc(altered, keys)
    asked = {"receipt": altered, "body": body}
    assert api.post("/receipts/verify", api.producer, body=asked).json == {"genuine": False}


def test_behind_a_lost_202_the_repeat_brings_the_receipt_of_the_first_time(api: Api, cloud: LiveCloud) -> None:
    key, body = unique("lost"), hand_in(unique("lost"))
    keyed(api, unique("warm"), hand_in(unique("warm")))
    address = urlsplit(cloud.api_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    headers = {
        "Authorization": f"Bearer {api.producer}",
        "Content-Type": "application/json",
        "Idempotency-Key": key,
    }
    connection.request("POST", f"{address.path}/tokens", body=json.dumps(body).encode(), headers=headers)
    stored = f"/jobs/{idempotent_id('login-hook', key)}"
    wait_for(lambda: api.get(stored, api.producer).status == 200, 60)
    connection.close()  # and nobody ever read the 202

    repeated = [keyed(api, key, body).json for _ in range(2)]

    claims = by_pyjwt(repeated[0]["receipt"], keys_of(api))
    assert repeated[0]["receipt"] == repeated[1]["receipt"]
    assert claims["accepted_at"] == api.get(stored, api.producer).json["created_at"]


def test_a_rotation_among_hand_ins_breaks_no_receipt_and_repeats_stay_what_they_were(
    api: Api, cloud: LiveCloud, domain: str
) -> None:
    bodies = {unique(f"r{number}"): {**hand_in(unique("r")), "domain": domain} for number in range(HANDED_IN)}
    first = next(iter(bodies))
    receipts = {first: keyed(api, first, bodies[first]).json["receipt"]}
    with ThreadPoolExecutor(4) as pool:
        handing = {key: pool.submit(keyed, api, key, body) for key, body in bodies.items()}
        rotated = keyring_of(cloud).rotate("default", domain)
        receipts |= {key: answer.result().json["receipt"] for key, answer in handing.items()}

    with environment_of(cloud, "api_handler", {"LOG_SAYS": "new processes, which remember nothing"}):
        late = keyed(api, unique("late"), {**hand_in(unique("late")), "domain": domain}).json["receipt"]
        again = {key: keyed(api, key, body).json["receipt"] for key, body in bodies.items()}
        keys = keys_of(api, domain)

    assert rotated.version == 2
    assert again == receipts, "also from another process, and under another newest key"
    assert [key["kid"] for key in keys["keys"]] == [f"default/{domain}/1", f"default/{domain}/2"]
    assert jwt.get_unverified_header(receipts[first])["kid"] == f"default/{domain}/1"
    assert jwt.get_unverified_header(late)["kid"] == f"default/{domain}/2"
    read = [by_pyjwt(receipt, keys) for receipt in [*receipts.values(), late]]
    assert read == [by_joserfc(receipt, keys) for receipt in [*receipts.values(), late]]
    assert len({claims["jti"] for claims in read}) == HANDED_IN + 1


def test_what_a_shredded_key_signed_is_verified_by_a_process_that_never_knew_it(
    api: Api, cloud: LiveCloud, domain: str
) -> None:
    body = {**hand_in(unique("shredded")), "domain": domain}
    handed = api.post("/tokens", api.producer, body=body).json
    BranchKeys(Table(cloud.client("dynamodb"), cloud.table)).shred("default", domain, time.time_ns() // 1_000)

    with environment_of(cloud, "api_handler", {"LOG_SAYS": "new processes, once more"}):
        claims = by_joserfc(handed["receipt"], keys_of(api, domain))
        verdict = api.post("/receipts/verify", api.producer, body={"receipt": handed["receipt"], "body": body})
        secret = api.get(f"/tokens/{handed['id']}/secret", api.consumer(body["subject"]))

    assert claims["jti"] == handed["id"]
    assert (verdict.json["genuine"], verdict.json["matches"]) == (True, None)
    assert (secret.status, secret.code) == (410, "key_gone")


def test_each_group_may_do_with_receipts_what_its_policy_says(api: Api) -> None:
    body = hand_in(unique("groups"))
    receipt = api.post("/tokens", api.producer, body=body).json["receipt"]
    asked = {"receipt": receipt, "body": body}
    callers = {
        "nobody": None,
        "no group": api.bearer("groupless"),
        "producer": api.producer,
        "another producer": api.bearer("other-hook", "producer"),
        "consumer": api.consumer(body["subject"]),
        "admin": api.admin,
    }

    found = {
        name: (
            api.get("/receipts/jwks.json", bearer).status,
            api.post("/receipts/verify", bearer, body=asked).status,
        )
        for name, bearer in callers.items()
    }

    assert found == {
        "nobody": (401, 401),
        "no group": (403, 403),
        "producer": (200, 200),
        "another producer": (200, 404),
        "consumer": (200, 403),
        "admin": (200, 200),
    }


def test_a_receipt_is_no_bearer(api: Api) -> None:
    receipt = api.post("/tokens", api.producer, body=hand_in(unique("bearer"))).json["receipt"]

    assert api.get("/receipts/jwks.json", receipt).status == 403
