"""The policies beyond actions and resources: partitions of the table, contexts of the key, and who administers it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.guards.project import ROOT, TEMPLATE
from tests.rights.evaluate import allows
from tests.rights.files import FUNCTIONS, LEADING_KEYS, partitions, statements
from tests.rights.requests import with_keys

OURS = {
    "ForAllValues:StringEquals": {"kms:EncryptionContextKeys": ["environment", "domain", "version"]},
    "Null": {f"kms:EncryptionContext:{name}": "false" for name in ("environment", "domain", "version")},
}
BY_S3 = {
    "StringEquals": {
        "kms:ViaService": "s3.${AWS::Region}.${AWS::URLSuffix}",
        "kms:EncryptionContext:aws:s3:arn": "Imports.Arn",
    }
}
UNDER_WHAT: dict[str, list[tuple[list[str], dict[str, Any]]]] = {
    "api_handler": [(["kms:GenerateDataKey", "kms:Decrypt"], OURS), (["kms:GenerateDataKey", "kms:Decrypt"], BY_S3)],
    "work": [(["kms:GenerateDataKey", "kms:Decrypt"], OURS), (["kms:Decrypt"], BY_S3)],
}
"""Under which encryption context a function may ask for a key: a branch key's, or the bucket's when S3 asks for it."""

KEYED = {"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"}
"""Actions of requests that always have a leading key. To one without it a condition by `ForAllValues` always holds, so
that no such action may stand beside them: a Scan would read everything."""


@pytest.mark.parametrize("function", FUNCTIONS)
def test_whatever_has_a_key_in_the_table_is_tied_to_partitions(function: str) -> None:
    for statement in statements(function):
        actions = {action.removeprefix("dynamodb:") for action in statement["Action"]}
        if "Table.Arn" not in statement["Resource"]:
            continue
        if actions == {"Scan"}:
            assert "Condition" not in statement, (
                "a Scan has no leading key: a condition would promise what it does not do"
            )
            continue
        assert actions <= KEYED
        ((operator, keys),) = statement["Condition"].items()
        assert (operator, list(keys)) == ("ForAllValues:StringLike", [LEADING_KEYS])
        assert all(re.fullmatch(r"[A-Z]+(#\*)?", key) for key in keys[LEADING_KEYS])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_key_is_asked_for_under_the_context_of_its_use_alone(function: str) -> None:
    found = [
        (statement["Action"], statement["Condition"])
        for statement in statements(function)
        if "SecretKey.Arn" in statement["Resource"]
    ]

    assert found == UNDER_WHAT.get(function, [])


def who_may(action: str, partition: str) -> set[str]:
    asked = with_keys(f"dynamodb:{action}", "Table.Arn", [partition])
    return {function for function in FUNCTIONS if allows(statements(function), asked)}


@pytest.mark.parametrize(
    ("partition", "writers"),
    [
        ("POLICIES", {"api_handler"}),
        ("ACCESS", {"api_handler"}),
        ("PROVIDERS", {"api_handler", "work"}),
        ("CACHE", {"authorize"}),
        ("BRANCH#default#shop", {"api_handler", "work"}),
        ("TICKET#x", {"api_handler", "websocket_connect"}),
        ("CONNECTION#x", {"notify", "websocket_connect", "websocket_disconnect", "websocket_message"}),
        ("LIMIT#google", {"work"}),
        ("QUARANTINE#0", {"advance", "notify", "work"}),
    ],
)
def test_what_others_rely_on_is_written_by_few(partition: str, writers: set[str]) -> None:
    """Work writes PROVIDERS, for it seals credentials anew: UpdateItem alone."""
    assert writers == {one for action in ("PutItem", "UpdateItem", "DeleteItem") for one in who_may(action, partition)}
    assert not allows(statements("work"), with_keys("dynamodb:PutItem", "Table.Arn", ["PROVIDERS"]))


def test_the_audit_is_added_to_by_who_ends_jobs_or_answers_read_by_the_api_and_changed_by_nobody() -> None:
    entries = "AUDIT#20261121#07"

    assert who_may("PutItem", entries) == {"api_handler", "advance", "work", "sweep", "refresh_due"}
    assert who_may("Query", entries) == who_may("BatchGetItem", entries) == {"api_handler"}
    assert who_may("UpdateItem", entries) == who_may("DeleteItem", entries) == who_may("GetItem", entries) == set()


def test_whose_access_was_ended_is_asked_by_whoever_lets_somebody_in_or_tells_him_something() -> None:
    asking = {"api_handler", "authorize", "notify", "websocket_connect", "websocket_message"}

    assert who_may("GetItem", "ACCESS") == who_may("Query", "ACCESS") == asking


def test_the_table_of_partitions_in_the_architecture_is_what_the_policies_say() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    head, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.partition("## Who may touch what")[2].partition("\n## ")[0].splitlines()
        if line.startswith("| ") and "---" not in line
    ]
    told = {
        (row[0].strip("`"), f"dynamodb:{action}", function.strip("` "))
        for row in rows
        for action, cell in zip(head[1:], row[1:], strict=True)
        for function in cell.split(",")
        if cell
    }

    assert told == set(partitions())


def test_the_key_is_administered_by_the_account_and_used_for_two_things() -> None:
    administering, using = TEMPLATE["Resources"]["SecretKey"]["Properties"]["KeyPolicy"]["Statement"]

    assert using["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert not any("*" in action for action in administering["Action"])
    assert not {"kms:CreateGrant", "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"} & {*administering["Action"]}
    assert "kms:PutKeyPolicy" in administering["Action"], "without it the key can never be administered again"
