"""What each function may do in AWS: the least that it needs, with a reason each, and enforced where it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.stack import mishaps
from tests.stack.http import Api, at, hand_in, unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from devtool.testing import LiveCloud

FOLDER = Path(__file__).parents[2] / ".chalice"
CONFIG = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))

LOGS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${AWS::StackName}-*"
_SOCKET = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebsocketAPI}/api/%s/@connections/*"
SOCKETS = _SOCKET % "POST"
CLOSING = _SOCKET % "DELETE"
FILES = "${Imports.Arn}/imports/*"
OPEN_JOBS = "${Table.Arn}/index/open-jobs"
JOBS_OF_SUBJECT = "${Table.Arn}/index/jobs-of-subject"
JOBS_OF_TYPE = "${Table.Arn}/index/jobs-of-type"
UNSUCCESSFUL_JOBS = "${Table.Arn}/index/unsuccessful-jobs"
AUDIT_OF_SUBJECT = "${Table.Arn}/index/audit-of-subject"
AUDIT_OF_PRINCIPAL = "${Table.Arn}/index/audit-of-principal"
REFRESH_DUE = "${Table.Arn}/index/refresh-due"

EVERYBODY = {
    ("logs:CreateLogGroup", LOGS): "Lambda writes what the function prints",
    ("logs:CreateLogStream", LOGS): "the same",
    ("logs:PutLogEvents", LOGS): "the same",
}
READS_THE_STREAM = {
    ("dynamodb:DescribeStream", "Table.StreamArn"): "Lambda polls with the function's role",
    ("dynamodb:GetRecords", "Table.StreamArn"): "the same",
    ("dynamodb:GetShardIterator", "Table.StreamArn"): "the same",
    ("dynamodb:ListStreams", "Table.StreamArn"): "the same",
    ("sqs:SendMessage", "StreamFailures.Arn"): "Lambda sends what it gives up with the function's role",
}
NEEDED: dict[str, dict[tuple[str, str], str]] = {
    "api_handler": {
        ("dynamodb:PutItem", "Table.Arn"): "accept a token, issue a ticket, add a branch key, write the audit",
        ("dynamodb:GetItem", "Table.Arn"): "show and collect by id and by place, find a branch key's version, health",
        ("dynamodb:DeleteItem", "Table.Arn"): "delete a provider or a policy",
        (
            "dynamodb:BatchGetItem",
            "Table.Arn",
        ): "read the jobs that an index names, the tokens of places, policies that do not fit the context",
        (
            "dynamodb:Query",
            "Table.Arn",
        ): "list a subject's tokens, list providers and policies, find the newest branch key",
        ("dynamodb:Query", JOBS_OF_SUBJECT): "list the jobs about a subject",
        ("dynamodb:Query", JOBS_OF_TYPE): "list all jobs, or those of a type",
        ("dynamodb:Query", UNSUCCESSFUL_JOBS): "list what failed or was cancelled",
        ("dynamodb:Query", OPEN_JOBS): "list what is open",
        ("dynamodb:UpdateItem", "Table.Arn"): "mark a token as deleted; cancel and retry a job; keep a public key",
        ("dynamodb:Query", AUDIT_OF_SUBJECT): "tell who did what with a subject's tokens",
        ("dynamodb:Query", AUDIT_OF_PRINCIPAL): "tell what a principal did",
        ("dynamodb:UpdateItem", "Table.Arn"): "mark a token as deleted, within the transaction; cancel and retry a job",
        ("kms:GenerateDataKey", "SecretKey.Arn"): "make a domain's branch key",
        ("kms:Decrypt", "SecretKey.Arn"): "unwrap a branch key, once a process",
        ("s3:PutObject", FILES): "keep a body of lines; sign the form by which a file is sent",
        ("s3:GetObject", FILES): "see that a file was sent, and which",
        ("s3:DeleteObject", FILES): "forget lines that a repeated request brought again",
        ("s3:ListBucket", "Imports.Arn"): "without it S3 answers 403 for a file that is not there",
    },
    "authorize": {
        ("dynamodb:BatchGetItem", "Table.Arn"): "look the policies of a caller's groups up",
        ("dynamodb:GetItem", "Table.Arn"): "find the issuer's keys, what counts revocations; of CACHE and ACCESS alone",
        ("dynamodb:Query", "Table.Arn"): "read the revocations; of the partition ACCESS alone",
        ("dynamodb:PutItem", "Table.Arn"): "share the issuer's keys; to the partition CACHE alone",
    },
    "advance": {
        **READS_THE_STREAM,
        ("dynamodb:UpdateItem", "Table.Arn"): "end a job, note in the quarantine what fails",
        ("dynamodb:PutItem", "Table.Arn"): "make a token current, and write the audit",
        ("dynamodb:GetItem", "Table.Arn"): "find by when a token's provider wants it refreshed",
        ("sqs:SendMessage", "WorkQueue.Arn"): "queue what may call anybody else",
    },
    "notify": {
        **READS_THE_STREAM,
        ("dynamodb:Query", "Table.Arn"): "find who watches",
        ("dynamodb:GetItem", "Table.Arn"): "the snapshot for who watches one job",
        ("dynamodb:DeleteItem", "Table.Arn"): "forget a connection that is gone",
        ("dynamodb:UpdateItem", "Table.Arn"): "note in the quarantine what fails",
        ("dynamodb:Query", OPEN_JOBS): "the snapshot for who has joined",
        ("execute-api:ManageConnections", SOCKETS): "push",
        ("execute-api:ManageConnections", CLOSING): "close the socket of a client that takes no message",
    },
    "work": {
        ("sqs:ReceiveMessage", "WorkQueue.Arn"): "Lambda polls with the function's role",
        ("sqs:DeleteMessage", "WorkQueue.Arn"): "the same",
        ("sqs:GetQueueAttributes", "WorkQueue.Arn"): "the same",
        ("sqs:ChangeMessageVisibility", "WorkQueue.Arn"): "Lambda gives messages of a failed batch back",
        ("dynamodb:GetItem", "Table.Arn"): "find the job that a message asks for",
        ("dynamodb:UpdateItem", "Table.Arn"): "claim a job, erase a secret, end the job, note what fails",
        ("dynamodb:PutItem", "Table.Arn"): "make a token current whose stream record was lost; add a branch key",
        ("dynamodb:Query", "Table.Arn"): "find the newest branch key, to seal a refreshed token",
        ("dynamodb:DeleteItem", "Table.Arn"): "give up a place with a provider",
        ("dynamodb:Scan", "Table.Arn"): "find what an older version of a key sealed, after a rotation alone",
        ("kms:GenerateDataKey", "SecretKey.Arn"): "make a domain's branch key",
        ("kms:Decrypt", "SecretKey.Arn"): "unwrap a branch key, once a process",
        ("sqs:SendMessage", "WorkQueue.Arn"): "have a job brought again behind its back-off",
        ("s3:GetObject", FILES): "read the lines of an import",
        ("s3:DeleteObject", FILES): "delete them once they are imported",
        ("s3:ListBucket", "Imports.Arn"): "without it S3 answers 403 for a file that is gone",
    },
    "sweep": {
        ("dynamodb:Query", OPEN_JOBS): "find what is overdue",
        ("dynamodb:UpdateItem", "Table.Arn"): "put a job off, or end it",
        ("dynamodb:PutItem", "Table.Arn"): "write down for the audit that it ended",
        ("sqs:SendMessage", "WorkQueue.Arn"): "send a job round again",
    },
    "refresh_due": {
        ("dynamodb:Query", REFRESH_DUE): "find what is due",
        ("dynamodb:GetItem", "Table.Arn"): "look at a token, its place and its provider",
        ("dynamodb:UpdateItem", "Table.Arn"): "begin a refresh, or take a token off the schedule",
        ("dynamodb:PutItem", "Table.Arn"): "store the refresh's job",
    },
    "websocket_connect": {
        ("dynamodb:DeleteItem", "Table.Arn"): "take a ticket",
        ("dynamodb:PutItem", "Table.Arn"): "register a connection",
        ("dynamodb:GetItem", "Table.Arn"): "see whether a revocation was made; of the partition ACCESS alone",
        ("dynamodb:Query", "Table.Arn"): "read the revocations; of the partition ACCESS alone",
    },
    "websocket_message": {
        ("dynamodb:GetItem", "Table.Arn"): "find what a connection watches, and the one job that it may",
        ("dynamodb:Query", OPEN_JOBS): "a snapshot",
        ("dynamodb:Query", "Table.Arn"): "read the revocations; of the partition ACCESS alone",
        ("dynamodb:DeleteItem", "Table.Arn"): "forget the connection of who was revoked",
        ("execute-api:ManageConnections", SOCKETS): "answer on the socket",
        ("execute-api:ManageConnections", CLOSING): "close the socket of who was revoked",
    },
    "websocket_disconnect": {
        ("dynamodb:GetItem", "Table.Arn"): "find a connection by its id",
        ("dynamodb:DeleteItem", "Table.Arn"): "forget it",
    },
}


WRITES = {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
WRITERS = {"ACCESS": "api_handler", "CACHE": "authorize"}
"""Who alone writes to these partitions. What stands there decides whose access lasts and whose signatures count."""


def only(*partitions: str) -> dict[str, Any]:
    return {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(partitions)}}


def never(function: str) -> dict[str, Any]:
    """Return what keeps a function that writes from writing there. The local cloud does not know the leading key: to it
    the one condition always holds, and this one never.
    """
    partitions = [partition for partition, writer in WRITERS.items() if writer != function]
    return {
        "Effect": "Deny",
        "Action": sorted(WRITES),
        "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
        "Condition": {"ForAnyValue:StringEquals": {"dynamodb:LeadingKeys": partitions}},
    }


NARROWED: dict[str, list[tuple[list[str], dict[str, Any]]]] = {
    "authorize": [
        (["dynamodb:PutItem"], only("CACHE")),
        (["dynamodb:GetItem"], only("ACCESS", "CACHE")),
        (["dynamodb:Query"], only("ACCESS")),
    ],
    "websocket_connect": [(["dynamodb:GetItem", "dynamodb:Query"], only("ACCESS"))],
    "websocket_message": [(["dynamodb:Query"], only("ACCESS"))],
}
"""What a function may do with some partitions alone."""


NEVER_THE_AUDIT = {
    "Effect": "Deny",
    "Action": ["dynamodb:DeleteItem", "dynamodb:UpdateItem"],
    "Resource": {"Fn::GetAtt": ["Table", "Arn"]},
    "Condition": {"ForAnyValue:StringLike": {"dynamodb:LeadingKeys": ["AUDIT#*"]}},
}
"""What was written down stays as it was; that it is not written over is each PutItem's condition, for IAM knows none.
The local cloud does not know the leading key."""


def policy(function: str) -> dict[str, Any]:
    file = FOLDER / CONFIG["lambda_functions"][function]["iam_policy_file"]
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


def granted(function: str) -> list[tuple[str, str]]:
    return [
        (action, name_of(resource))
        for statement in policy(function)["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in resources(statement)
    ]


def resources(statement: dict[str, Any]) -> list[object]:
    stated = statement["Resource"]
    return stated if isinstance(stated, list) else [stated]


def name_of(resource: object) -> str:
    if isinstance(resource, dict) and "Fn::GetAtt" in resource:
        return ".".join(resource["Fn::GetAtt"])
    return str(resource["Fn::Sub"]) if isinstance(resource, dict) else str(resource)


def test_each_function_has_a_policy_file_and_each_file_a_function() -> None:
    files = [settings["iam_policy_file"] for settings in CONFIG["lambda_functions"].values()]

    assert CONFIG["autogen_policy"] is False
    assert sorted(files) == sorted(file.name for file in FOLDER.glob("policy-*.json"))
    assert set(NEEDED) == set(CONFIG["lambda_functions"])


@pytest.mark.parametrize("function", NEEDED)
def test_a_function_may_do_what_it_needs_and_nothing_else(function: str) -> None:
    assert sorted(granted(function)) == sorted({**EVERYBODY, **NEEDED[function]})


@pytest.mark.parametrize("function", NEEDED)
def test_no_policy_is_wide(function: str) -> None:
    for statement in policy(function)["Statement"]:
        if statement in (NEVER_THE_CACHE, NEVER_THE_AUDIT):
            continue
        assert set(statement) - {"Condition"} == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert isinstance(statement["Action"], list)
        assert not any("*" in action for action in statement["Action"])
        for resource in resources(statement):
            assert name_of(resource) != "*"
            assert name_of(resource).count("*") <= 1


@pytest.mark.parametrize("function", NEEDED)
def test_one_function_writes_whose_access_lasts_and_one_whose_signatures_count(function: str) -> None:
    statements = policy(function)["Statement"]
    writing = [one for one in statements if one["Effect"] == "Allow" and WRITES & set(one["Action"])]
    narrowed = [
        (one["Action"], one["Condition"]) for one in statements if "Condition" in one and one["Effect"] == "Allow"
    ]
    denied = [one for one in statements if one["Effect"] == "Deny"]

    assert narrowed == NARROWED.get(function, [])
    if all("Condition" in one for one in writing):
        assert denied == []
    else:
        denied = [one for one in statements if one["Effect"] == "Deny"]
        assert (NEVER_THE_CACHE in denied) == bool(writing)
        assert conditions == [one["Condition"] for one in denied]


@pytest.mark.parametrize("function", NEEDED)
def test_nobody_changes_or_deletes_what_the_audit_says(function: str) -> None:
    changing = {action for action, _ in granted(function)} & set(NEVER_THE_AUDIT["Action"])

    assert (NEVER_THE_AUDIT in policy(function)["Statement"]) == bool(changing)


USES: dict[str, Callable[[Api, str, str], int]] = {
    "dynamodb:PutItem": lambda api, subject, _: api.post("/tokens", api.producer, body=hand_in(subject)).status,
    "dynamodb:GetItem": lambda api, subject, token_id: api.get(f"/tokens/{token_id}", api.consumer(subject)).status,
    "dynamodb:BatchGetItem": lambda api, subject, _: api.get(f"/jobs?subject={quote(subject)}", api.admin).status,
    "dynamodb:Query": lambda api, subject, _: api.get(at(subject), api.consumer(subject)).status,
    "dynamodb:DeleteItem": lambda api, *_: _provider_deleted(api),
    "dynamodb:UpdateItem": lambda api, subject, token_id: (
        api.delete(f"/tokens/{token_id}", api.consumer(subject)).status
    ),
    "kms:GenerateDataKey": lambda api, subject, _: (
        api.post("/tokens", api.producer, body={**hand_in(subject), "domain": subject.partition("|")[2]}).status
    ),
}


def _provider_deleted(api: Api) -> int:
    settings = {"client_id": "c", "auth_method": "none", "token_endpoint": "http://127.0.0.1/token"}
    assert api.put("/providers/right", api.admin, body=settings).status == 200
    return api.delete("/providers/right", api.admin).status


@pytest.mark.parametrize("action", USES)
def test_the_api_cannot_do_without_a_right_that_it_has(api: Api, cloud: LiveCloud, action: str) -> None:
    subject = unique("right")
    token_id = api.hand_in(subject)

    with mishaps.denied(cloud, "api_handler", action):
        without = USES[action](api, subject, token_id)

    assert without in (500, 503)
    assert USES[action](api, subject, token_id) in (200, 202)


@pytest.mark.parametrize("action", ["dynamodb:DeleteItem", "dynamodb:PutItem"])
def test_a_handshake_fails_closed_without_a_right(api: Api, cloud: LiveCloud, action: str) -> None:
    url = api.post("/tickets", api.consumer(unique("right"))).json["url"]

    with (
        mishaps.denied(cloud, "websocket_connect", action),
        pytest.raises(InvalidStatus),
        connect(url, open_timeout=30, proxy=None),
    ):
        pass
