"""The least that an authorizer does: the issuer's keys from the table, RS256 from the JWK, the group's policy."""

from __future__ import annotations

import json
import time
from base64 import b64decode, urlsafe_b64decode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from bench.limits import wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """Answer API Gateway."""
    with wire.connected() as line:
        kept = wire.asked(line, "GetItem", Key={"pk": {"S": "CACHE"}, "sk": {"S": "DOCUMENT#"}})["Item"]
        jwks = json.loads(b64decode(kept["document"]["B"]))
        claims = _verified(event["authorizationToken"].removeprefix("Bearer "), jwks)
        wanted = [{"pk": {"S": "POLICIES"}, "sk": {"S": f"POLICY#{group}"}} for group in claims["groups"]]
        found = wire.asked(line, "BatchGetItem", RequestItems={"cloakroom": {"Keys": wanted}})["Responses"]["cloakroom"]
        statements = [one["M"] for item in found for one in item["policy"]["M"]["statements"]["L"]]
        api = event["methodArn"].rpartition("/POST/")[0]
        return {
            "principalId": claims["sub"],
            "policyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Action": "execute-api:Invoke",
                        "Effect": one["effect"]["S"],
                        "Resource": [
                            f"{api}/{method['S']}{path['S']}"
                            for method in one["methods"]["L"]
                            for path in one["paths"]["L"]
                        ],
                    }
                    for one in statements
                ],
            },
        }


def _verified(bearer: str, jwks: dict[str, Any]) -> dict[str, Any]:
    signed, _, signature = bearer.rpartition(".")
    head, body = (json.loads(_bytes(part)) for part in signed.split("."))
    jwk = next(key for key in jwks["keys"] if key["kid"] == head["kid"])
    numbers = RSAPublicNumbers(int.from_bytes(_bytes(jwk["e"])), int.from_bytes(_bytes(jwk["n"])))
    numbers.public_key().verify(_bytes(signature), signed.encode(), PKCS1v15(), SHA256())
    if head["alg"] != "RS256" or not body["nbf"] <= time.time() < body["exp"] or body["aud"] != "cloakroom":
        raise RuntimeError("refused")
    claims: dict[str, Any] = body
    return claims


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
