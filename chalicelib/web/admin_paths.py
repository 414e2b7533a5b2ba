"""The routes of administrators, as the contract describes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from chalicelib.intake.bodies import PolicyIn, ProviderIn, RevocationIn
from chalicelib.intake.explaining import ExplainIn
from chalicelib.web import audit_shapes, explanation_shapes, parameters, policy_shapes, shapes
from chalicelib.web.operations import BODY, ok, operation

if TYPE_CHECKING:
    from chalicelib.web.operations import Schemas

_AUDIT_PAGE = (
    "Latest first. A page may hold fewer than `limit`, even none, and not be the last: on the last `cursor` is null. A "
    "cursor is good for the same `subject` and `principal`, and goes on in the times of the first page."
)

_EXPLANATION = (
    "What the authorizer, API Gateway and the service decide at this moment; what API Gateway keeps of a bearer may be "
    "up to 300 seconds older. A principal is asked about as if it had come with a bearer issued now. Of bodies and of "
    "limits of requests nothing is said."
)


def provider_paths(schema: Schemas) -> dict[str, Any]:
    """Describe providers."""
    one = {"200": ok(schema[shapes.Provider], "The provider, without its credential.")}
    return {
        "/providers": {
            "get": operation(
                "listProviders",
                "List the providers (administrators)",
                {"200": ok(schema[shapes.ProviderPage], "By name.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
        "/providers/{name}": {
            "parameters": [parameters.provider_name()],
            "get": operation("showProvider", "Show a provider (administrators)", one),
            "put": operation(
                "putProvider",
                "Set a provider up, whole; a credential left out is kept (administrators)",
                one,
                BODY,
                body=schema[ProviderIn],
            ),
            "delete": operation(
                "deleteProvider", "Delete a provider; its tokens are not refreshed any more (administrators)", one
            ),
        },
    }


def policy_paths(schema: Schemas) -> dict[str, Any]:
    """Describe policies."""
    one = {"200": ok(schema[policy_shapes.Policy], "The policy.")}
    locked_out = (HTTPStatus.CONFLICT,)
    return {
        "/policies": {
            "get": operation(
                "listPolicies",
                "List the groups' policies (administrators)",
                {"200": ok(schema[policy_shapes.PolicyPage], "By group.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
        "/policies/{group}": {
            "parameters": [parameters.group()],
            "get": operation("showPolicy", "Show a group's policy (administrators)", one),
            "put": operation(
                "putPolicy",
                "Give a group its policy, whole (administrators)",
                one,
                (*BODY, *locked_out),
                body=schema[PolicyIn],
            ),
            "delete": operation(
                "deletePolicy", "Delete a policy: its group may do nothing any more (administrators)", one, locked_out
            ),
        },
    }


def revocation_paths(schema: Schemas) -> dict[str, Any]:
    """Describe revocations."""
    made = ok(schema[shapes.Revocation], "It counts within 5 seconds. Asked for twice, it is one, and as wide as both.")
    made["headers"] = {"Location": {"description": "Where it is lifted.", "schema": {"type": "string"}}}
    return {
        "/revocations": {
            "post": operation(
                "revokeAccess",
                "End the access of a principal or of one bearer token (administrators)",
                {"201": made},
                (*BODY, HTTPStatus.CONFLICT),
                body=schema[RevocationIn],
            ),
            "get": operation(
                "listRevocations",
                "List whose access was ended (administrators)",
                {"200": ok(schema[shapes.RevocationPage], "By id, without those that have lapsed.")},
                parameters=[parameters.limit(), parameters.cursor()],
            ),
        },
        "/revocations/{revocation}": {
            "parameters": [parameters.revocation()],
            "delete": operation(
                "liftRevocation",
                "Give access back (administrators)",
                {"200": ok(schema[shapes.Revocation], "What had ended it.")},
            ),
        },
    }


def audit_paths(schema: Schemas) -> dict[str, Any]:
    """Describe who did what, and why somebody may not."""
    return {
        "/authz/explain": {
            "post": operation(
                "explainAccess",
                "Ask why a request of somebody's is answered as it is (administrators)",
                {"200": ok(schema[explanation_shapes.Explanation], _EXPLANATION)},
                BODY,
                body=schema[ExplainIn],
            )
        },
        "/audit": {
            "get": operation(
                "listAudit",
                "List who did what with which token, latest first (administrators)",
                {"200": ok(schema[audit_shapes.AuditPage], _AUDIT_PAGE)},
                parameters=[
                    parameters.audit_subject(),
                    parameters.principal(),
                    parameters.moment("from", "First moment; a day before `to` if not given, at most 31 days."),
                    parameters.moment("to", "Moment behind the last; now if not given."),
                    parameters.limit(),
                    parameters.cursor(),
                ],
            )
        },
        "/audit/reconcile": {
            "get": operation(
                "reconcile",
                "Prove of each accepted token that it is live or ended once (administrators)",
                {"200": ok(schema[audit_shapes.Reconciled], "How those of a page stand, and what does not add up.")},
                parameters=[
                    parameters.moment("from", "First moment; a day before `to` if not given, and at the most."),
                    parameters.moment("to", "Moment behind the last; now if not given."),
                    parameters.cursor(),
                ],
            )
        },
    }
