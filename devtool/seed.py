"""The groups' policies that a deployment begins with, put there by the app's own code."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from chalicelib.model.clock import SECOND
from chalicelib.store.policies import Policies
from chalicelib.store.table import Table
from devtool import environment
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from devtool.info import Info

GROUPS = PROJECT / "infrastructure" / "groups.json"


def seed(info: Info) -> None:
    """Write the policies of `infrastructure/groups.json`, in place of those that are there."""
    table = Table(environment.client("dynamodb", info.aws_endpoint_url), info.table)
    policies = Policies(table, now=lambda: int(time.time() * SECOND))
    for policy in json.loads(GROUPS.read_text()):
        policies.put(policy)
