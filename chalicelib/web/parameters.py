"""The parameters of the routes, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Any

from chalicelib.intake.reading import LONGEST_IDEMPOTENCY_KEY
from chalicelib.model import names
from chalicelib.model.job import Status, Type
from chalicelib.web.requests import LARGEST_PAGE, LONGEST_MIN_TTL
from chalicelib.web.times import LONGEST_PRINCIPAL


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _in_path(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def identifier(name: str) -> dict[str, Any]:
    """Describe an id in a path."""
    return _in_path(name, "An id that a 202 gave.", {"type": "string", "pattern": "^[a-z2-7]{26}$"})


def subject() -> dict[str, Any]:
    """Describe a subject in a path."""
    return _in_path(
        "subject",
        "As the issuer writes `sub`, percent-encoded once.",
        {"type": "string", "pattern": names.SUBJECT_PATTERN, "maxLength": names.SUBJECT_LENGTH},
    )


def provider() -> dict[str, Any]:
    """Describe a provider in a path."""
    schema = {"type": "string", "pattern": names.PROVIDER_PATTERN, "maxLength": names.PROVIDER_LENGTH}
    return _in_path("provider", "As it was handed in.", schema)


def provider_name() -> dict[str, Any]:
    """Describe a provider in the path of its settings."""
    return {**provider(), "name": "name", "description": "As tokens of it are handed in, e.g. `google`."}


def group() -> dict[str, Any]:
    """Describe a group in the path of its policy."""
    schema = {"type": "string", "pattern": names.GROUP_PATTERN, "maxLength": names.GROUP_LENGTH}
    return _in_path("group", "As bearer tokens name it.", schema)


def revocation() -> dict[str, Any]:
    """Describe a revocation in a path."""
    schema = {"type": "string", "pattern": "^(principal|sessions|bearer)-[0-9a-f]{64}$"}
    return _in_path("revocation", "An id that a 201 gave.", schema)


def environment() -> dict[str, Any]:
    """Describe the environment of a subject's tokens."""
    schema = {"type": "string", "pattern": names.ENVIRONMENT_PATTERN, "default": "default"}
    return _query("environment", "As it was handed in.", schema)


def domain() -> dict[str, Any]:
    """Describe the domain of a subject's tokens."""
    return _query(
        "domain", "As it was handed in.", {"type": "string", "pattern": names.DOMAIN_PATTERN, "default": "default"}
    )


def min_ttl() -> dict[str, Any]:
    """Describe how long a token must still be good."""
    schema = {"type": "integer", "minimum": 0, "maximum": LONGEST_MIN_TTL, "default": 0}
    return _query("min_ttl", "Seconds that the token must still be good for, else 409.", schema)


def cursor() -> dict[str, Any]:
    """Describe where a page begins."""
    return _query("cursor", "From the page before.", {"type": "string"})


def status() -> dict[str, Any]:
    """Describe the status that a list of jobs is narrowed to."""
    schema = {"type": "string", "enum": [str(one) for one in Status]}
    return _query("status", "Only jobs that are so.", schema)


def job_type() -> dict[str, Any]:
    """Describe the type that a list of jobs is narrowed to."""
    return _query("type", "Only jobs of this type.", {"type": "string", "enum": [str(one) for one in Type]})


def whose() -> dict[str, Any]:
    """Describe the subject that a list of jobs is narrowed to."""
    schema = {"type": "string", "pattern": names.SUBJECT_PATTERN, "maxLength": names.SUBJECT_LENGTH}
    return _query("subject", "Only jobs about this subject.", schema)


def audit_subject() -> dict[str, Any]:
    """Describe the subject that the audit is narrowed to."""
    return {**whose(), "description": "Only what is about this subject."}


def principal() -> dict[str, Any]:
    """Describe the principal that the audit is narrowed to."""
    schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_PRINCIPAL}
    return _query("principal", "Only what this principal did or was refused.", schema)


def moment(name: str, description: str) -> dict[str, Any]:
    """Describe a moment."""
    return _query(name, f"{description} RFC 3339.", {"type": "string", "format": "date-time"})


def limit() -> dict[str, Any]:
    """Describe how much a page holds."""
    schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": LARGEST_PAGE}
    return _query("limit", "How many at the most.", schema)


def idempotency_key() -> dict[str, Any]:
    """Describe the header that makes a retry safe."""
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "description": (
            "The same key and body gives the same job; another body gives 422. One per hand-in, never a secret."
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_IDEMPOTENCY_KEY},
    }
