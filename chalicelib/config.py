"""The service's settings: read from the environment once, each missing one named."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from chalicelib.errors import Misconfigured, NoSocketYet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SETTINGS: dict[str, str] = {
    "TABLE_NAME": "the table that everything is kept in",
    "QUEUE_URL": "the queue for work that calls anybody else",
    "IMPORTS_BUCKET": "the bucket that files of tokens wait in until they are imported",
    "KMS_KEY_ID": "the KMS key (id or ARN) that wraps branch keys",
    "JWT_ISSUER": "the `iss` that bearer tokens must carry, letter for letter",
    "JWT_AUDIENCE": "the `aud` that bearer tokens must carry",
    "JWKS_URL": "where the issuer publishes its signing keys (RFC 7517)",
    "JWT_GROUPS_CLAIM": "the claim that lists the caller's groups (default `groups`)",
    "ISSUERS": "further issuers, or all of them, as a JSON list (README, Issuers; default none)",
    "WEBSOCKET_URL": "the address that browsers connect to",
    "WEBSOCKET_MANAGEMENT_URL": "the address that pushes are posted to (`@connections`)",
    "EVENT_FAILURES": (
        "`report` where the event source takes partial batch responses (the packaged stack), else `raise` (the default)"
    ),
    "PRIVATE_PROVIDERS": (
        "`refuse` (the default): providers are called at public addresses, by https; `allow`: also at private and "
        "loopback ones, also by http"
    ),
    "CLIENTS": (
        "the clients (`azp` or `client_id` of their bearer tokens) that each have limits of their own, "
        "comma-separated, 16 at the most (default none)"
    ),
    "USAGE_KEYS": "what the API keys of the usage plans begin with; `none` (the default) where there are no plans",
    "CORS_ORIGINS": "the origins whose pages may read answers, comma-separated (default none)",
    "AUDIT_DAYS": "how many days an entry of the audit is kept (default `400`)",
    "STAGE": "the deployment's name, on every log line (default `local`)",
}
"""Every setting and what it is for. The README lists the same; a test holds the two together."""

NO_USAGE_KEYS = "none"
"""What USAGE_KEYS is where no usage plan counts requests."""
LONGEST_AUDIT = 3_650
"""Days: ten years."""

_NO_ADDRESS_YET = ".invalid"
"""RFC 6761: a name that never resolves. The first of two plain `chalice deploy`s has no WebSocket API to name yet."""

_DEFAULTS = {
    "JWT_GROUPS_CLAIM": "groups",
    "EVENT_FAILURES": "raise",
    "PRIVATE_PROVIDERS": "refuse",
    "USAGE_KEYS": NO_USAGE_KEYS,
    "AUDIT_DAYS": "400",
    "STAGE": "local",
}

_MAY_BE_EMPTY = ("CLIENTS", "CORS_ORIGINS")

MOST_CLIENTS = 16
"""As many API keys has the template beside the one of everybody else."""

_CLIENT = r"[!-+\--~]{1,128}"
_LOOPBACK = r"http://(?:localhost|127\.0\.0\.1|\[::1\])"
_ORIGIN = rf"(?:https://[a-z0-9\-]+(?:\.[a-z0-9\-]+)*|{_LOOPBACK})(?::[0-9]{{1,5}})?"
"""As browsers write it (RFC 6454, section 6.2): lower case, no path. Never `*` or `null`, which anybody can be."""

_ONE_ISSUER = ("JWT_ISSUER", "JWT_AUDIENCE", "JWKS_URL")
"""The short form of one issuer: all three, or none of them where ISSUERS has some."""

_CHOICES = {"EVENT_FAILURES": ("report", "raise"), "PRIVATE_PROVIDERS": ("refuse", "allow")}

STREAM_ARN_AT_IMPORT = os.environ.get("STREAM_ARN", "arn:aws:dynamodb:us-east-1:000000000000:table/x/stream/x")
QUEUE_ARN_AT_IMPORT = os.environ.get("QUEUE_ARN", "arn:aws:sqs:us-east-1:000000000000:x")
"""Chalice reads decorator arguments at import. The packaged stack overrides both by reference
(infrastructure/template.json); a plain `chalice deploy` sets them, for the stage, in .chalice/config.json."""

USAGE_PLANS_AT_IMPORT = os.environ.get("USAGE_KEYS") != NO_USAGE_KEYS
"""Whether requests are counted by API key. The packaged stack has the plans; a plain `chalice deploy` has none and says
so. Not the other way round: a stack that asked for no key would have plans that count nothing, unseen."""


class Settings(Struct, frozen=True, kw_only=True):
    """All settings of one deployment."""

    table_name: str
    queue_url: str
    imports_bucket: str
    kms_key_id: str
    jwt_issuer: str
    jwt_audience: str
    jwks_url: str
    jwt_groups_claim: str
    issuers: str
    websocket_url: str
    websocket_management_url: str
    event_failures: Literal["report", "raise"]
    private_providers: Literal["refuse", "allow"]
    clients: tuple[str, ...]
    usage_keys: str
    cors_origins: tuple[str, ...]
    audit_days: int
    stage: str

    @property
    def socket(self) -> str:
        """The address that browsers connect to. Raises NoSocketYet where the stage was rendered without one."""
        if self.websocket_url.endswith(_NO_ADDRESS_YET):
            raise NoSocketYet
        return self.websocket_url


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Return the settings that `environment` holds.

    Raises Misconfigured naming every setting that is missing or wrong, not only the first.
    """
    values = {name: environment.get(name) or _DEFAULTS.get(name, "") for name in SETTINGS}
    optional = {"ISSUERS", *_MAY_BE_EMPTY}
    if values["ISSUERS"] and not any(values[name] for name in _ONE_ISSUER):
        optional.update(_ONE_ISSUER)
    missing = [f"{name} ({SETTINGS[name]})" for name, value in values.items() if not value and name not in optional]
    if missing:
        raise Misconfigured("missing settings: " + "; ".join(missing))
    for name, (one, other) in _CHOICES.items():
        if values[name] not in (one, other):
            raise Misconfigured(f"{name} is {values[name]!r}; it must be `{one}` or `{other}`")
    given: dict[str, Any] = {name.lower(): value for name, value in values.items()}
    given |= {
        "clients": _listed(
            "CLIENTS", values, lambda one: re.fullmatch(_CLIENT, one), most=MOST_CLIENTS, such_as="`my-login-hook`"
        ),
        "cors_origins": _listed(
            "CORS_ORIGINS",
            values,
            lambda one: re.fullmatch(_ORIGIN, one),
            most=64,
            such_as="`https://app.example`, never `*`",
        ),
        "audit_days": _days(values["AUDIT_DAYS"]),
    }
    return Settings(**given)


def _listed(
    name: str, values: Mapping[str, str], fits: Callable[[str], object], *, most: int, such_as: str
) -> tuple[str, ...]:
    """Return what a comma-separated setting lists. Raises Misconfigured for what is not of its form, or too many."""
    listed = tuple(values[name].split(",")) if values[name] else ()
    for one in listed:
        if not fits(one):
            raise Misconfigured(f"{name} lists {one!r}; each must be such as {such_as}, without spaces")
    if len(listed) > most or len(set(listed)) < len(listed):
        raise Misconfigured(f"{name} lists {len(listed)}; it takes {most} at the most, each of them once")
    return listed


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST_AUDIT):
        raise Misconfigured(f"AUDIT_DAYS is {text!r}; it must be a whole number from 1 to {LONGEST_AUDIT}")
    return int(text)
