"""What a client's error says of AWS, whether the client is boto3's or ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.aws.json_service import Refused
from chalicelib.aws.line import Unanswered

if TYPE_CHECKING:
    from collections.abc import Mapping


def answered(error: Exception) -> Mapping[str, Any] | None:
    """Return what AWS answered (`Error`, `ResponseMetadata`, what stood in a condition's way), None where it did not.

    Raises the error itself where it is not about AWS.
    """
    if isinstance(error, Refused):
        return error.response
    if isinstance(error, Unanswered):
        return None
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  only boto3's client raises what is left

    if isinstance(error, ClientError):
        response: Mapping[str, Any] = error.response
        return response
    if isinstance(error, BotoCoreError):
        return None
    raise error


def named(error: Exception) -> str:
    """Return how a silence is called in a log: what happened, never what was sent."""
    return str(error) if isinstance(error, Unanswered) else type(error).__name__
