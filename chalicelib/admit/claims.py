"""Read what a token claims: untrusted JSON, by name or by a path into objects; a Fault where it is of another form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SUBJECT_LENGTH: Final = 255  # OpenID Connect Core 1.0, section 2
GROUPS: Final = 200

Path = tuple[str, ...]
"""The name of a claim, then names of members within it: `("realm_access", "roles")`."""


class Fault(Exception):
    """A bearer is refused. Its text is the code, see `bearer.Refused`."""


def found_at(claims: Mapping[str, Any], path: Path, default: object = None) -> object:
    """Return what stands at a path; `default` where nothing does, or where something on the way is no object."""
    value: object = claims
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return default
        value = value[name]
    return value


def text(value: object) -> str:
    """Return a name that is safe to log and to compare. Raises Fault."""
    # Not printable: control characters, lone surrogates (no UTF-8), marks that turn text round in a log.
    if not isinstance(value, str) or not 0 < len(value) <= SUBJECT_LENGTH or not value.isprintable():
        raise Fault("claims")
    return value


def optional_text(value: object) -> str | None:
    """Return the same, or None where there is none. Raises Fault."""
    return None if value is None else text(value)


def audiences(value: object) -> list[str]:
    """Return whom a token is for: one, or a list (RFC 7519, section 4.1.3). Raises Fault."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise Fault("audience")
    return listed


def words(value: object) -> list[str]:
    """Return the groups that are listed, or written one behind the other as scopes are. Raises Fault."""
    # By spaces alone, as scopes are (RFC 6749, section 3.3): split() takes 28 other characters for one, which an
    # issuer that makes this text may have let into a name.
    listed = value.split(" ") if isinstance(value, str) else value
    if not isinstance(listed, list) or len(listed) > GROUPS or not all(isinstance(item, str) for item in listed):
        raise Fault("claims")
    return listed
