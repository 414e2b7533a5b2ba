"""Let an authorizer hear of every event, also of one that Chalice would fail on."""

from __future__ import annotations

from typing import Any

from chalice.app import AuthRequest, ChaliceAuthorizer


def hear_all(authorizer: ChaliceAuthorizer) -> ChaliceAuthorizer:
    """Have an authorizer's function called for events that lack members or are no object at all: those are empty to it.

    Chalice 1.34 reads the members by name and raises without them: API Gateway would make a 500 of that, and no line of
    ours would tell of it. The name that is replaced is a private one: tests/app/test_authorizer.py holds it.
    """
    vars(authorizer)["_transform_event"] = _request
    return authorizer


def _request(event: object) -> AuthRequest:
    members: dict[str, Any] = event if isinstance(event, dict) else {}
    return AuthRequest(members.get("type", ""), members.get("authorizationToken", ""), members.get("methodArn", ""))
