"""Look into the table, as its administrator may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devtool.testing import LiveCloud

Item = dict[str, Any]


def item(cloud: LiveCloud, pk: str, sk: str) -> Item:
    """Return an item as DynamoDB writes it, or an empty one."""
    answer = cloud.client("dynamodb").get_item(
        TableName=cloud.table, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
    )
    found: Item = answer.get("Item", {})
    return found


def job(cloud: LiveCloud, job_id: str) -> Item:
    """Return the item of a job, and of the token with it."""
    return item(cloud, f"JOB#{job_id}", "JOB")


def current(cloud: LiveCloud, subject: str, provider: str = "google") -> Item:
    """Return the item of a place's newest token."""
    return item(cloud, f"SUBJECT#default#default#{subject}", f"PROVIDER#{provider}")
