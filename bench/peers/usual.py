"""The usual intake: Chalice with pydantic, boto3.resource and Powertools, as their documentation shows them together.

The same job as ours: check the body, seal the token under a key that KMS unwrapped once, one conditional put, a log
line, a metric, 202. It is spared what ours does besides: looking the key up in the table, deriving the record's,
keyed marks, a signed receipt, deciding anew what the caller may do.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from chalice.app import Chalice, ConvertToMiddleware, Request, Response
from pydantic import ValidationError

from bench.peers.storing import HandIn, store

app = Chalice(app_name="usual")
logger = Logger()
metrics = Metrics()
app.register_middleware(ConvertToMiddleware(logger.inject_lambda_context))
app.register_middleware(ConvertToMiddleware(metrics.log_metrics))


@app.route("/tokens", methods=["POST"])
def hand_in_token() -> Response:
    """Take a token in."""
    request: Request = app.current_request  # type: ignore[assignment]  # within a view there is one
    try:
        body = HandIn.model_validate_json(request.raw_body)
    except ValidationError as error:
        return Response(status_code=422, body={"errors": error.errors(include_input=False, include_url=False)})
    principal = request.context["authorizer"]["principal"]
    accepted = store(body, principal)
    metrics.add_metric(name="TokenAccepted", unit=MetricUnit.Count, value=1)
    logger.info("token.accepted", extra={"job": accepted.id, "principal": principal})
    return Response(
        status_code=202,
        body=accepted.model_dump(mode="json"),
        headers={"Location": f"/jobs/{accepted.id}", "Content-Type": "application/json"},
    )


handler = app
