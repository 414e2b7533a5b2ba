"""Powertools alone: its event handler with validation by pydantic, Logger and Metrics, as it documents them."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response, content_types
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit

from bench.peers.storing import Accepted, HandIn, store

app = APIGatewayRestResolver(enable_validation=True)
logger = Logger()
metrics = Metrics()


@app.post("/tokens")
def hand_in_token(body: HandIn) -> Response[Accepted]:
    """Take a token in."""
    principal = app.current_event.request_context.authorizer["principal"]
    accepted = store(body, principal)
    metrics.add_metric(name="TokenAccepted", unit=MetricUnit.Count, value=1)
    logger.info("token.accepted", extra={"job": accepted.id, "principal": principal})
    return Response(
        status_code=202,
        content_type=content_types.APPLICATION_JSON,
        body=accepted,
        headers={"Location": f"/jobs/{accepted.id}"},
    )


@logger.inject_lambda_context(correlation_id_path=correlation_paths.API_GATEWAY_REST)
@metrics.log_metrics
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer API Gateway."""
    answer: dict[str, Any] = app.resolve(event, context)
    return answer
