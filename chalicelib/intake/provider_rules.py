"""Say what is wrong with a provider's settings, beyond what their types say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from chalicelib.intake.secret_texts import SHORTEST_SECRET, names_a_secret
from chalicelib.model.provider import AuthMethod

if TYPE_CHECKING:
    from chalicelib.intake.bodies import CredentialIn, ProviderIn
    from chalicelib.model.provider import Provider

Fault = tuple[str, str]
"""A field and the rule that it breaks; neither holds a value."""

RSA_BITS: Final = (2048, 8192)

_OURS: Final = frozenset(
    {"grant_type", "client_id", "client_assertion_type", "token_type_hint", "code", "code_verifier"}
)


def provider_fault(body: ProviderIn) -> Fault | None:
    """Return the first fault of a body that can be told without asking the table or the provider."""
    return _endpoint_fault(body) or _parameter_fault(body) or _credential_fault(body) or _repetition_fault(body)


def kept_fault(body: ProviderIn, stored: Provider | None) -> Fault | None:
    """Return why a body that leaves its credential out cannot have the one that is `stored`, if there is one."""
    has_one = stored is not None and stored.has_credential
    if body.auth_method is AuthMethod.NONE:
        return ("credential", "null, for the method `none` shows none") if has_one else None
    if not has_one or stored is None:
        return "credential", f"required for the method `{body.auth_method}`"
    same_kind = _is_by_key(stored.auth_method) == _is_by_key(body.auth_method)
    if not same_kind or (_is_by_key(body.auth_method) and stored.algorithm != body.algorithm):
        return "credential", "required: the stored one does not fit the method or the algorithm"
    return None


def _endpoint_fault(body: ProviderIn) -> Fault | None:
    if body.token_endpoint is None and body.discovery_url is None:
        return "token_endpoint", "required, or a discovery_url"
    return None


def _parameter_fault(body: ProviderIn) -> Fault | None:
    for name, value in body.parameters.items():
        if name in _OURS or names_a_secret(name):
            return "parameters", "none that the request itself sets, and no secret: they are kept in the clear"
        if not value.isprintable():
            return "parameters", "values are printable"
    return None


def _credential_fault(body: ProviderIn) -> Fault | None:
    given = body.credential
    if given is msgspec.UNSET:
        return None  # the stored one: see kept_fault
    if body.auth_method is AuthMethod.NONE:
        return None if given is None else ("credential", "null, for the method `none` shows none")
    if given is None:
        return "credential", f"required for the method `{body.auth_method}`"
    if (given.secret is None) == (given.private_key is None):
        return "credential", "either a secret or a private_key"
    if _is_by_key(body.auth_method) != (given.private_key is not None):
        wanted = "private_key" if _is_by_key(body.auth_method) else "secret"
        return "credential", f"a {wanted}, for the method `{body.auth_method}`"
    return _key_fault(given, body.algorithm)


def _key_fault(given: CredentialIn, algorithm: str) -> Fault | None:
    if given.private_key is None:
        return None
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  for this alone: cold starts need not pay
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(given.private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it is encrypted
        return "credential.private_key", "a private key in PEM, not encrypted"
    least, most = RSA_BITS
    if algorithm == "RS256" and not (isinstance(key, RSAPrivateKey) and least <= key.key_size <= most):
        return "credential.private_key", f"RSA of {least} to {most} bits, for RS256"
    if algorithm == "ES256" and not (isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)):
        return "credential.private_key", "an elliptic curve key on P-256, for ES256"
    return None


def _repetition_fault(body: ProviderIn) -> Fault | None:
    """Refuse a body that repeats its secret where texts are kept and shown in the clear."""
    given = body.credential
    if given is None or given is msgspec.UNSET or given.secret is None or len(given.secret) < SHORTEST_SECRET:
        return None
    clear = [
        ("client_id", body.client_id),
        ("key_id", body.key_id or ""),
        ("token_endpoint", body.token_endpoint or ""),
        ("revocation_endpoint", body.revocation_endpoint or ""),
        ("introspection_endpoint", body.introspection_endpoint or ""),
        ("discovery_url", body.discovery_url or ""),
        *(("parameters", text) for entry in body.parameters.items() for text in entry),
    ]
    for field, text in clear:
        if given.secret in text:
            return field, "it is kept in the clear and must not repeat the secret"
    return None


def _is_by_key(method: AuthMethod) -> bool:
    return method is AuthMethod.PRIVATE_KEY_JWT
