"""Say which names may travel in paths and keys, and why another is refused.

A subject is what issuers put into `sub`: `auth0|5f7c8ec7c33c6c004bbafe82`, `jane+shop@example.com`,
`urn:example:user:42`, `samlp|My-Connection|user@example.com`. It travels in URL paths, in IAM resources and
in table keys, so it holds nothing that one of these reads as more than a letter: no slash of either kind
(paths), no `*`, `?` and `$` (IAM), no `%` (percent-encoding; see `decode_segment`), no `#` (key separator),
no quote and no bracket, no white space, nothing beyond ASCII (look-alikes, normal forms).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

SUBJECT_LENGTH: Final = 128
PROVIDER_LENGTH: Final = 64
ENVIRONMENT_LENGTH: Final = 32
DOMAIN_LENGTH: Final = 64
GROUP_LENGTH: Final = 64

# Why not a plain `$`: Python lets it match before a final line feed. With the lookahead the same text means
# "the very end" to Python's re (msgspec) and to ECMA-262 (the OpenAPI document).
_END: Final = r"$(?!\n)"
_SUBJECT_CHARACTERS: Final = r"A-Za-z0-9\-._~:@|+=,"

SUBJECT_PATTERN: Final = rf"^(?!\.{{1,2}}$)[{_SUBJECT_CHARACTERS}]{{1,{SUBJECT_LENGTH}}}{_END}"
PROVIDER_PATTERN: Final = rf"^[a-z0-9][a-z0-9._\-]{{0,{PROVIDER_LENGTH - 1}}}{_END}"
ENVIRONMENT_PATTERN: Final = rf"^[a-z0-9][a-z0-9._\-]{{0,{ENVIRONMENT_LENGTH - 1}}}{_END}"
DOMAIN_PATTERN: Final = rf"^[a-z0-9][a-z0-9._\-]{{0,{DOMAIN_LENGTH - 1}}}{_END}"
GROUP_PATTERN: Final = rf"^[A-Za-z0-9][A-Za-z0-9._:\-]{{0,{GROUP_LENGTH - 1}}}{_END}"

_SUBJECT: Final = re.compile(SUBJECT_PATTERN)
_PROVIDER: Final = re.compile(PROVIDER_PATTERN)
_ENVIRONMENT: Final = re.compile(ENVIRONMENT_PATTERN)
_DOMAIN: Final = re.compile(DOMAIN_PATTERN)
_FOREIGN_TO_SUBJECT: Final = rf"[^{_SUBJECT_CHARACTERS}]"


def subject_fault(value: str) -> str | None:
    """Return why this cannot be a subject, or None if it can; the sentence never holds the value."""
    if _SUBJECT.search(value):
        return None
    if not value:
        return "a subject must not be empty"
    if len(value) > SUBJECT_LENGTH:
        return f"a subject has at most {SUBJECT_LENGTH} characters, this one has {len(value)}"
    if value in {".", ".."}:
        return "a subject must not be '.' or '..', which are steps in a path"
    foreign = re.search(_FOREIGN_TO_SUBJECT, value)
    position = foreign.start() + 1 if foreign else 1
    return f"a subject holds only ASCII letters, digits and -._~:@|+=, (character {position} is another)"


def provider_fault(value: str) -> str | None:
    """Return why this cannot name a provider, or None if it can."""
    return None if _PROVIDER.search(value) else _lower_case_fault("a provider", PROVIDER_LENGTH)


def environment_fault(value: str) -> str | None:
    """Return why this cannot name an environment, or None if it can."""
    return None if _ENVIRONMENT.search(value) else _lower_case_fault("an environment", ENVIRONMENT_LENGTH)


def domain_fault(value: str) -> str | None:
    """Return why this cannot name a domain, or None if it can."""
    return None if _DOMAIN.search(value) else _lower_case_fault("a domain", DOMAIN_LENGTH)


def group_fault(value: str) -> str | None:
    """Return why this cannot name a group, or None if it can."""
    if re.search(GROUP_PATTERN, value):
        return None
    return f"a group has 1 to {GROUP_LENGTH} characters of A-Z a-z 0-9 . _ : - and begins with a letter or digit"


def is_subject(principal: str) -> bool:
    """Say whether this principal can own `/subjects/<principal>/...` at all."""
    return subject_fault(principal) is None


def decode_segment(raw: str) -> str:
    """Return a path parameter as the name that it stands for, decoded exactly once.

    API Gateway's REST APIs hand path parameters to Lambda still percent-encoded, the local cloud hands them
    decoded. No legal name holds a `%`, so a `%` means "still encoded". All names in paths (subjects,
    providers, ids) fit the subject's grammar, the widest. Raises ValueError with `subject_fault`'s sentence.
    """
    try:
        name = unquote(raw, errors="strict") if "%" in raw else raw
    except UnicodeDecodeError:
        raise ValueError("a percent-encoded path segment must be UTF-8") from None
    fault = subject_fault(name)
    if fault is not None:
        # Decoding until nothing changes would give one path two names, and the gateway authorizes the first.
        raise ValueError(fault)
    return name


def _lower_case_fault(what: str, length: int) -> str:
    return f"{what} has 1 to {length} characters of a-z 0-9 . _ - and begins with a letter or digit"
