"""The document against the deployed stack: whatever it allows or forbids is sent, and each answer is one that it has.

In a stack of this module's own: chance takes policies away, revokes access and fills tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from schemathesis import GenerationMode

from devtool.testing import live_cloud
from tests.stack.fuzzing import Fuzz, operations

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = 30
"""Requests of each operation and each kind."""

ROUNDS, SEQUENCES, STEPS = 5, 4, 15

OPERATIONS = operations()
KINDS = [
    (name, mode)
    for name, (_, takes) in OPERATIONS.items()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if takes or mode is GenerationMode.POSITIVE
]

FAMILIES = {
    # which paths: what sequences along them come to at the least
    "^/(tokens|jobs|subjects|receipts)": {"handInToken", "showToken", "collectToken", "showJob", "listJobs"},
    "^/providers": {"putProvider", "showProvider", "listProviders", "deleteProvider"},
    "^/policies": {"putPolicy", "showPolicy", "listPolicies", "deletePolicy"},
    "^/revocations": {"revokeAccess", "listRevocations", "liftRevocation"},
    "^/(imports|jobs|uploads|audit)": {"importTokens", "listAudit", "reconcile", "showJob"},
}


@pytest.fixture(scope="module")
def fuzz() -> Iterator[Fuzz]:
    with live_cloud() as cloud:
        yield Fuzz(url=cloud.api_url, bearer=cloud.token("operator", ["admin"], ttl=7200))


@pytest.mark.parametrize(("operation", "mode"), KINDS, ids=lambda value: getattr(value, "value", value))
def test_whatever_is_sent_to_a_route_is_answered_as_the_document_says(
    fuzz: Fuzz, operation: str, mode: GenerationMode
) -> None:
    fuzz.each(operation, mode, EXAMPLES)


@pytest.mark.parametrize("paths", FAMILIES)
def test_whatever_follows_on_an_answer_is_answered_as_the_document_says(fuzz: Fuzz, paths: str) -> None:
    fuzz.heard.clear()

    fuzz.along(paths, rounds=ROUNDS, sequences=SEQUENCES, steps=STEPS)

    succeeded = {operation for operation, status in fuzz.heard if status < 300}
    assert succeeded >= FAMILIES[paths], sorted(fuzz.heard.items())
