"""The groups' policies that a deployment begins with, put there by the app's own code."""

from __future__ import annotations

import json
import time

from chalicelib.model.clock import SECOND
from chalicelib.store.policies import Policies
from chalicelib.store.table import Table
from devtool import environment
from devtool.workspace import PROJECT

GROUPS = PROJECT / "infrastructure" / "groups.json"


def first_groups() -> list[str]:
    """Name the groups that a deployment begins with."""
    return [policy["group"] for policy in json.loads(GROUPS.read_text())]


def seed(endpoint: str, table: str) -> None:
    """Write the policies of `infrastructure/groups.json`, in place of those that are there."""
    policies = Policies(Table(environment.client("dynamodb", endpoint), table), now=lambda: int(time.time() * SECOND))
    for policy in json.loads(GROUPS.read_text()):
        policies.put(policy)
