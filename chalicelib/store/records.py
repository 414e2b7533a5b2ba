"""Stream records → what they tell, or Unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.errors import Unreadable
from chalicelib.model.change import JobChange, Joined, News, Revoked
from chalicelib.model.job import Type
from chalicelib.store.access import revocation_from_item
from chalicelib.store.attributes import from_attributes
from chalicelib.store.connections import connection_from_item
from chalicelib.store.items import job_from_item, token_from_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.model.job import Job


def read_record(record: Mapping[str, Any]) -> News | None:
    """Read a raw stream record; None for one that nobody here waits for. Raises Unreadable.

    The event sources filter already (infrastructure/template.json); without filters, as after a plain
    `chalice deploy`, everything comes.
    """
    try:
        dynamodb = record["dynamodb"]
        if "NewImage" not in dynamodb:
            return None
        image = from_attributes(dynamodb["NewImage"])
        before = from_attributes(dynamodb["OldImage"]) if "OldImage" in dynamodb else None
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise Unreadable(f"a stream record that does not parse: {type(fault).__name__}") from None
    match image.get("kind"):
        case "job":
            return _job_change(image, before)
        case "watch" if before is None:
            return Joined(connection=connection_from_item(image))
        case "revocation":
            return Revoked(revocation=revocation_from_item(image))
    return None


def _readable(before: dict[str, Any]) -> Job | None:
    """Return what a job was; None for what cannot be read: an item that was repaired just now is as good as new."""
    try:
        return job_from_item(before)
    except Unreadable:
        return None


def _job_change(image: dict[str, Any], before: dict[str, Any] | None) -> JobChange:
    job = job_from_item(image)
    return JobChange(
        before=None if before is None else _readable(before),
        after=job,
        token=token_from_image(image) if job.type is Type.STORE else None,
    )
