"""What is to be known of the API itself to explain what becomes of a request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from chalicelib.admit.explain import Api

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}


def api_of(context: Mapping[str, Any], routes: Mapping[str, Mapping[str, Any]]) -> Api:
    """Return the API that a request came to, by its context and Chalice's routes.

    The authorizer's answer names the API's ARN with each path and may be too large by it, so it must be the right one.
    `chalice local` has none; there any will do.
    """
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    partition = next((name for prefix, name in PARTITIONS.items() if region.startswith(f"{prefix}-")), "aws")
    account, api = context.get("accountId") or "000000000000", context.get("apiId") or "local"
    return Api(
        arn_base=f"arn:{partition}:execute-api:{region}:{account}:{api}/{context.get('stage') or 'api'}",
        routes={
            path: {method: entry.authorizer is None for method, entry in methods.items()}
            for path, methods in routes.items()
        },
    )
