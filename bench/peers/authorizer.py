"""The usual authorizer: PyJWT with its own client for the issuer's keys, boto3.resource, Powertools' Logger."""

from __future__ import annotations

import os
from typing import Any

import boto3
import jwt
from aws_lambda_powertools import Logger

logger = Logger()
dynamodb = boto3.resource("dynamodb")
table = dynamodb.Table(os.environ["TABLE_NAME"])
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
    wanted = [{"pk": "POLICIES", "sk": f"POLICY#{group}"} for group in claims["groups"]]
    found = dynamodb.batch_get_item(RequestItems={table.name: {"Keys": wanted}})["Responses"][table.name]
    api = event["methodArn"].rpartition("/POST/")[0]
    logger.info("admitted", extra={"principal": claims["sub"]})
    return {
        "principalId": claims["sub"],
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": one["effect"],
                    "Resource": [f"{api}/{method}{path}" for method in one["methods"] for path in one["paths"]],
                }
                for item in found
                for one in item["policy"]["statements"]
            ],
        },
    }
