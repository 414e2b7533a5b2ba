"""Print what a process has spent after one verification of a bearer, and what a further one takes; processor seconds.

`python price.py bare|authorizer N`, with the bearer on standard input. `bare` is PyJWT alone, with the key at hand;
`authorizer` is app.py's, over the table that the environment names.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def bare(bearer: str) -> Callable[[], object]:
    """Return PyJWT's check of signature, issuer, audience and times."""
    import jwt  # noqa: PLC0415  what is imported here is what is measured

    key = jwt.PyJWK(json.loads(os.environ["PRICE_JWK"]))
    issuer, audience = os.environ["JWT_ISSUER"], os.environ["JWT_AUDIENCE"]
    return lambda: jwt.decode(bearer, key, algorithms=["RS256"], issuer=issuer, audience=audience)["sub"]


def authorizer(bearer: str) -> Callable[[], object]:
    """Return app.py's authorizer, as Lambda calls it."""
    import app  # noqa: PLC0415

    arn = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/api/GET/tokens/t1"
    event = {"type": "TOKEN", "authorizationToken": f"Bearer {bearer}", "methodArn": arn}

    def ask() -> object:
        answer = app.authorize(event, None)
        assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow", answer
        return answer

    return ask


def main() -> None:
    """Measure one of both."""
    kind, times = sys.argv[1], int(sys.argv[2])
    ask = {"bare": bare, "authorizer": authorizer}[kind](sys.stdin.read())
    ask()
    first = time.process_time()  # since the interpreter began
    for _ in range(times):
        ask()
    sys.stdout.write(f"\nprice {first} {(time.process_time() - first) / times}\n")


if __name__ == "__main__":
    main()
