"""The authorizer before the usual intake and the bare one: PyJWT, its client of keys, boto3.resource for policies.

API Gateway keeps its answer for 300 seconds, as it does ours: it is asked once a bearer.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
import jwt
from aws_lambda_powertools import Logger

logger = Logger()
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
keys = jwt.PyJWKClient(os.environ["JWKS_URL"])


@logger.inject_lambda_context
def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Answer API Gateway."""
    bearer = event["authorizationToken"].removeprefix("Bearer ")
    claims = jwt.decode(
        bearer,
        keys.get_signing_key_from_jwt(bearer).key,
        algorithms=["RS256"],
        audience=os.environ["JWT_AUDIENCE"],
        issuer=os.environ["JWT_ISSUER"],
    )
    for group in claims["groups"]:
        table.get_item(Key={"pk": "POLICIES", "sk": f"POLICY#{group}"})
    logger.info("admitted", extra={"principal": claims["sub"]})
    everything = f"{event['methodArn'].partition('/')[0]}/*"
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": everything}
    return {
        "principalId": claims["sub"],
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"principal": claims["sub"]},
    }
