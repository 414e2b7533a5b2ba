"""FastAPI behind Mangum, as their documentation shows them together. A view that blocks is a plain `def`, by FastAPI's
own advice: it runs in a thread.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response
from mangum import Mangum

from bench.peers.storing import Accepted, HandIn, store

logging.getLogger().setLevel(logging.INFO)
logger = logging.getLogger(__name__)
app = FastAPI()


@app.post("/tokens", status_code=202)
def hand_in_token(body: HandIn, request: Request, response: Response) -> Accepted:
    """Take a token in."""
    principal = request.scope["aws.event"]["requestContext"]["authorizer"]["principal"]
    accepted = store(body, principal)
    logger.info("token.accepted %s %s", accepted.id, principal)
    response.headers["Location"] = f"/jobs/{accepted.id}"
    return accepted


handler = Mangum(app, lifespan="off")
