"""What each function may do in AWS: the least that it needs, with a reason each, and enforced where it runs."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from chalicelib.store.keys import OPEN_SHARDS
from tests.guards.project import ROOT
from tests.rights.files import CONFIG, FOLDER, FUNCTIONS, rights, statements
from tests.stack import mishaps
from tests.stack.world import SCHEDULED

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

_LOG_GROUPS = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${AWS::StackName}-"
_SOCKET = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebsocketAPI}/api/%s/@connections/*"
SOCKETS = _SOCKET % "POST"
CLOSING = _SOCKET % "DELETE"
FILES = "${Imports.Arn}/imports/*"
OPEN_JOBS = "${Table.Arn}/index/open-jobs"
JOBS_OF_SUBJECT = "${Table.Arn}/index/jobs-of-subject"
JOBS_OF_TYPE = "${Table.Arn}/index/jobs-of-type"
UNSUCCESSFUL_JOBS = "${Table.Arn}/index/unsuccessful-jobs"
REFRESH_DUE = "${Table.Arn}/index/refresh-due"
AUDIT_OF_SUBJECT = "${Table.Arn}/index/audit-of-subject"
AUDIT_OF_PRINCIPAL = "${Table.Arn}/index/audit-of-principal"

READS_THE_STREAM = {
    ("dynamodb:DescribeStream", "Table.StreamArn"): "Lambda polls with the function's role",
    ("dynamodb:GetRecords", "Table.StreamArn"): "the same",
    ("dynamodb:GetShardIterator", "Table.StreamArn"): "the same",
    ("dynamodb:ListStreams", "Table.StreamArn"): "the same",
    ("sqs:SendMessage", "StreamFailures.Arn"): "Lambda sends what it gives up with the function's role",
}
NEEDED: dict[str, dict[tuple[str, str], str]] = {
    "api_handler": {
        ("dynamodb:PutItem", "Table.Arn"): "accept a token, issue a ticket, write policies, revocations and entries",
        (
            "dynamodb:GetItem",
            "Table.Arn",
        ): "show and collect by id and by place, find a key's version, the epoch",
        ("dynamodb:DeleteItem", "Table.Arn"): "delete a provider or a policy, lift a revocation",
        (
            "dynamodb:BatchGetItem",
            "Table.Arn",
        ): "read jobs that an index names, policies, entries that must be there",
        (
            "dynamodb:Query",
            "Table.Arn",
        ): "list tokens, providers, policies, revocations, entries; find the newest key",
        ("dynamodb:Query", JOBS_OF_SUBJECT): "list the jobs about a subject",
        ("dynamodb:Query", JOBS_OF_TYPE): "list all jobs, or those of a type",
        ("dynamodb:Query", UNSUCCESSFUL_JOBS): "list what failed or was cancelled",
        ("dynamodb:Query", OPEN_JOBS): "list what is open",
        ("dynamodb:Query", AUDIT_OF_SUBJECT): "list a subject's entries",
        ("dynamodb:Query", AUDIT_OF_PRINCIPAL): "list a principal's entries",
        ("dynamodb:UpdateItem", "Table.Arn"): "mark a token as deleted, cancel and retry a job, raise the epoch",
        ("kms:GenerateDataKey", "SecretKey.Arn"): "make a domain's branch key",
        ("kms:Decrypt", "SecretKey.Arn"): "unwrap a branch key, once a process",
        ("s3:PutObject", FILES): "keep a body of lines; sign the form by which a file is sent",
        ("s3:GetObject", FILES): "see that a file was sent, and which",
        ("s3:DeleteObject", FILES): "forget lines that a repeated request brought again",
        ("s3:ListBucket", "Imports.Arn"): "without it S3 answers 403 for a file that is not there",
    },
    "authorize": {
        ("dynamodb:BatchGetItem", "Table.Arn"): "look the policies of a caller's groups up",
        ("dynamodb:GetItem", "Table.Arn"): "find the issuers' keys, and whether anything was revoked or changed since",
        ("dynamodb:Query", "Table.Arn"): "find whose access was ended",
        ("dynamodb:PutItem", "Table.Arn"): "share the issuers' keys",
    },
    "advance": {
        **READS_THE_STREAM,
        ("dynamodb:UpdateItem", "Table.Arn"): "end a job, note in the quarantine what fails",
        ("dynamodb:PutItem", "Table.Arn"): "make a token current, leave the job of one that it replaces, write entries",
        ("dynamodb:GetItem", "Table.Arn"): "find what a token replaces, and by when its provider wants it refreshed",
        ("sqs:SendMessage", "WorkQueue.Arn"): "queue what may call anybody else",
    },
    "notify": {
        **READS_THE_STREAM,
        ("dynamodb:Query", "Table.Arn"): "find who watches, and whose access was ended",
        ("dynamodb:GetItem", "Table.Arn"): "the snapshot for who watches one job; whether anything was revoked since",
        ("dynamodb:DeleteItem", "Table.Arn"): "forget a connection that is gone or over",
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
        ("dynamodb:PutItem", "Table.Arn"): "store an import's tokens and refusals, add a branch key, write entries",
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
        ("dynamodb:PutItem", "Table.Arn"): "write the entry of a job that it ends",
        ("sqs:SendMessage", "WorkQueue.Arn"): "send a job round again",
    },
    "refresh_due": {
        ("dynamodb:Query", REFRESH_DUE): "find what is due",
        ("dynamodb:GetItem", "Table.Arn"): "look at a token, its place and its provider",
        ("dynamodb:UpdateItem", "Table.Arn"): "begin a refresh, or take a token off the schedule",
        ("dynamodb:PutItem", "Table.Arn"): "store the refresh's job and its entry",
    },
    "websocket_connect": {
        ("dynamodb:GetItem", "Table.Arn"): "see whether anything was revoked or changed since",
        ("dynamodb:Query", "Table.Arn"): "find whose access was ended",
        ("dynamodb:DeleteItem", "Table.Arn"): "take a ticket",
        ("dynamodb:PutItem", "Table.Arn"): "register a connection",
    },
    "websocket_message": {
        ("dynamodb:GetItem", "Table.Arn"): "find what a connection watches, and the one job that it may",
        ("dynamodb:Query", "Table.Arn"): "find whose access was ended",
        ("dynamodb:DeleteItem", "Table.Arn"): "forget a connection that is over",
        ("dynamodb:Query", OPEN_JOBS): "a snapshot",
        ("execute-api:ManageConnections", SOCKETS): "answer on the socket",
        ("execute-api:ManageConnections", CLOSING): "close the socket of who has no access any more",
    },
    "websocket_disconnect": {
        ("dynamodb:GetItem", "Table.Arn"): "find a connection by its id",
        ("dynamodb:DeleteItem", "Table.Arn"): "forget it",
    },
}


WILD = {
    "execute-api:ManageConnections": "an id of a connection is made when it opens",
    "s3:PutObject": "files of lines are named by who sends them",
    "s3:GetObject": "the same",
    "s3:DeleteObject": "the same",
    "logs:CreateLogGroup": "CloudFormation makes the end of a function's name",
    "logs:CreateLogStream": "the same; and Lambda names streams",
    "logs:PutLogEvents": "the same",
}
"""The actions whose resource ends in `*`, and why it cannot say more."""


def logs_of(function: str) -> dict[tuple[str, str], str]:
    """Return the right to write one's own log, and nobody else's."""
    known = {"api_handler": "APIHandler"}
    name = known.get(function) or "".join(part.capitalize() for part in function.split("_"))
    return {
        (f"logs:{action}", f"{_LOG_GROUPS}{name}-*"): "Lambda writes what the function prints"
        for action in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")
    }


def test_each_function_has_a_policy_file_and_each_file_a_function() -> None:
    files = [settings["iam_policy_file"] for settings in FUNCTIONS.values()]

    assert CONFIG["autogen_policy"] is False
    assert sorted(files) == sorted(file.name for file in FOLDER.glob("policy-*.json"))
    assert set(NEEDED) == set(FUNCTIONS)


@pytest.mark.parametrize("function", NEEDED)
def test_a_function_may_do_what_it_needs_and_nothing_else(function: str) -> None:
    assert set(rights(function)) == set({**logs_of(function), **NEEDED[function]})


@pytest.mark.parametrize("function", NEEDED)
def test_no_policy_is_wide(function: str) -> None:
    for statement in statements(function):
        assert set(statement) - {"Condition"} == {"Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert isinstance(statement["Action"], list)
        assert not any("*" in action for action in statement["Action"])
        for resource in statement["Resource"]:
            assert "*" not in resource.removesuffix("*")
            assert "?" not in resource
            assert len(resource) > 1
            wild = resource.endswith("*")
            assert [action for action in statement["Action"] if wild and action not in WILD] == []


def test_the_stack_that_tests_run_against_refuses_what_a_role_does_not_grant(cloud: LiveCloud) -> None:
    """Without enforcement all other tests would pass whatever the policies say."""

    def failed() -> int:
        answer = cloud.client("lambda").invoke(
            FunctionName=cloud.function_name("sweep"), Payload=json.dumps(SCHEDULED).encode()
        )
        return int(json.loads(answer["Payload"].read())["failed"])

    with mishaps.denied(cloud, "sweep", "dynamodb:Query"):
        without_it = failed()

    assert without_it == OPEN_SHARDS
    assert failed() < OPEN_SHARDS
    assert "AccessDeniedException" in cloud.logs("sweep")


def test_no_test_runs_a_stack_that_does_not_enforce() -> None:
    """`live_cloud` enforces unless it is told otherwise; so do those who deploy into a bare emulator."""
    used = [
        line.strip()
        for file in (ROOT / "tests" / "stack").glob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"(live_cloud|bare_emulator)\(", line) and "re.search" not in line
    ]

    assert used
    assert [line for line in used if "enforce_iam=False" in line] == []
    assert [line for line in used if "bare_emulator(" in line and "enforce_iam=True" not in line] == []
