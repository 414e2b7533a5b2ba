"""What bodies must look like: the structs that check them and that openapi.json is generated from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from chalicelib.model import names
from chalicelib.model.policy import (
    METHODS,
    NAMES_PER_LIMIT,
    PATH_LENGTH,
    PATH_PATTERN,
    PATHS_PER_STATEMENT,
    STATEMENTS_PER_POLICY,
    WHY_LENGTH,
)
from chalicelib.model.provider import AuthMethod  # noqa: TC001  msgspec evaluates the annotations
from chalicelib.model.token import DEFAULT_SCOPE_NAME

LARGEST_BODY = 65_536
"""Bytes. Far below what an item takes (400 KB) and API Gateway passes (10 MB): a token response of 20 KB is rare."""

LONGEST_RECEIPT = 1_024
"""Characters. Ours have some 350, with the longest names 520."""

LONGEST_TOKEN = 16_384
LONGEST_SCOPE = 4_096
LONGEST_TOKEN_TYPE = 64
LONGEST_LIFE = 315_360_000
"""Seconds: ten years. Beyond that a provider means "never"."""

LARGEST_EXTRA = 8_192
"""Bytes of JSON."""

DEEPEST_EXTRA = 32
"""Objects and lists within each other. Python writes and reads JSON by recursion: what was taken in must come out."""

MOST_METADATA = 16
LONGEST_METADATA_NAME = 64
LONGEST_METADATA_VALUE = 256

LONGEST_NAME_OR_VARIABLE = 80
"""Characters: `${claims.NAME}` with a name of 64."""
LONGEST_REVOKED = 255
"""Characters of a `sub` (OpenID Connect Core 1.0, section 2) or `jti`: a bearer with a longer one is refused."""

LONGEST_URL = 2_048
LONGEST_CLIENT_ID = 512
LONGEST_CLIENT_SECRET = 4_096
LONGEST_PRIVATE_KEY = 8_192
"""Characters of PEM: RSA with 8,192 bits takes 6,400."""

LONGEST_KEY_ID = 256
MOST_PARAMETERS = 16
LONGEST_PARAMETER_NAME = 64
LONGEST_PARAMETER_VALUE = 1_024
LONGEST_LEEWAY = 3_600
LONGEST_MARGIN = 86_400
MOST_PER_SECOND = 1_000
MOST_AT_ONCE = 100

# RFC 6749 appendix A.12 and A.17: 1*VSCHAR. Held here because a byte that was lost on the way (a gateway writes U+FFFD
# for what is no UTF-8) would otherwise be sealed for good, and found out by whoever uses the token.
_TokenText = Annotated[str, Meta(min_length=1, max_length=LONGEST_TOKEN, pattern=r"^[\x20-\x7E]*$(?!\n)")]
_Seconds = Annotated[int, Meta(ge=0, le=LONGEST_LIFE)]
_SecondsText = Annotated[str, Meta(pattern=r"^[0-9]{1,9}$(?!\n)")]


def _name(pattern: str, longest: int, about: str) -> Meta:
    """Describe a name whose grammar `model.names` checks, which says better than a pattern what is wrong."""
    shape = {"pattern": pattern, "minLength": 1, "maxLength": longest}
    return Meta(description=about, extra_json_schema=shape)


Subject = Annotated[
    str, _name(names.SUBJECT_PATTERN, names.SUBJECT_LENGTH, "Whose token it is, as the issuer writes `sub`.")
]
Provider = Annotated[str, _name(names.PROVIDER_PATTERN, names.PROVIDER_LENGTH, "Who gave the token, e.g. `google`.")]
Environment = Annotated[str, _name(names.ENVIRONMENT_PATTERN, names.ENVIRONMENT_LENGTH, "E.g. `production`.")]
Domain = Annotated[
    str, _name(names.DOMAIN_PATTERN, names.DOMAIN_LENGTH, "E.g. a shop or tenant; keys are kept by domain.")
]


class TokenIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A provider's answer (RFC 6749 section 5.1). What it holds beyond these members goes into `extra`."""

    access_token: _TokenText
    refresh_token: _TokenText | None = None
    id_token: _TokenText | None = None
    token_type: Annotated[str, Meta(max_length=LONGEST_TOKEN_TYPE)] | None = None
    scope: Annotated[str, Meta(max_length=LONGEST_SCOPE)] | None = None
    expires_in: Annotated[
        _Seconds | _SecondsText | None,
        Meta(description="Seconds from now, also as a string of digits, as some providers send it."),
    ] = None
    expires_at: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="RFC 3339 with an offset. Comes before `expires_in`, and that before a JWT's `exp`."),
    ] = None
    extra: Annotated[
        dict[str, Any] | None,
        Meta(
            description=f"Further members of the answer, at most {LARGEST_EXTRA} bytes of JSON "
            f"and {DEEPEST_EXTRA} levels deep; sealed with the rest."
        ),
    ] = None

    def __repr__(self) -> str:
        """Say nothing: all of it is secret."""
        return "TokenIn(...)"


class HandIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /tokens`."""

    subject: Subject
    provider: Provider
    token: TokenIn
    environment: Environment = DEFAULT_SCOPE_NAME
    domain: Domain = DEFAULT_SCOPE_NAME
    metadata: Annotated[
        dict[
            Annotated[str, Meta(min_length=1, max_length=LONGEST_METADATA_NAME)],
            Annotated[str, Meta(max_length=LONGEST_METADATA_VALUE)],
        ],
        Meta(
            max_length=MOST_METADATA,
            description="Shown with the record and kept in the clear: never a secret.",
        ),
    ] = {}


class RejectedIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /tokens/{token_id}/rejected`: which generation the provider refused."""

    generation: Annotated[int, Meta(ge=1, le=2**53 - 1, description="As the token was collected with.")]


class VerifyIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /receipts/verify`: a receipt, and the body that it is said to be of."""

    receipt: Annotated[str, Meta(max_length=LONGEST_RECEIPT, description="As the 202 gave it.")]
    body: HandIn


class ImportIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /imports` for a file that was sent. Lines themselves come as `application/x-ndjson`."""

    upload: Annotated[str, Meta(pattern=r"^[a-z2-7]{26}$(?!\n)", description="The id that `POST /uploads` gave.")]


class TicketIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /tickets`: empty for all that is the caller's, or one subject, or one job."""

    subject: Subject | None = None
    job: Annotated[str, Meta(pattern=r"^[a-z2-7]{26}$(?!\n)", description="A job's id.")] | None = None


_Moment = Annotated[datetime, Meta(tz=True)] | None
_Named = Annotated[str, Meta(min_length=1, max_length=LONGEST_REVOKED)] | None


class RevocationIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /revocations`: whose access ends, all of it or by one bearer token."""

    principal: Annotated[_Named, Meta(description="The `sub`, as the issuer writes it.")] = None
    bearer: Annotated[_Named, Meta(description="The `jti` of one bearer token.")] = None
    issued_before: Annotated[
        _Moment,
        Meta(description="Only bearers of the principal issued before (`iat`); who logs in again has access again."),
    ] = None
    until: Annotated[_Moment, Meta(description="When access comes back; left out: when the revocation is lifted.")] = (
        None
    )
    why: Annotated[str, Meta(max_length=WHY_LENGTH, description="For those who come after; kept in the clear.")] = ""


_Url = Annotated[str, Meta(min_length=1, max_length=LONGEST_URL)]
_VISIBLE = r"^[\x20-\x7E]*$(?!\n)"  # RFC 6749 appendix A.1 and A.2


_Names = Annotated[
    list[Annotated[str, Meta(max_length=LONGEST_NAME_OR_VARIABLE)]],
    Meta(min_length=1, max_length=NAMES_PER_LIMIT, description="Names, or variables as whole values."),
]


class StatementIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Allow or deny methods on paths; an explicit Deny wins over every Allow of any group."""

    effect: Literal["Allow", "Deny"]
    methods: Annotated[
        list[Literal["GET", "POST", "PUT", "PATCH", "DELETE", "*"]], Meta(min_length=1, max_length=len(METHODS))
    ]
    paths: Annotated[
        list[Annotated[str, Meta(max_length=PATH_LENGTH, extra_json_schema={"pattern": PATH_PATTERN})]],
        Meta(
            min_length=1,
            max_length=PATHS_PER_STATEMENT,
            description="`*` is any run of characters, `/` too; `${principal}`, `${claims.NAME}` are whole segments.",
        ),
    ]


class LimitsIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the policy's Allow statements hold; a kind that is left out is not limited. A Deny is never limited."""

    environments: _Names | msgspec.UnsetType = msgspec.UNSET
    domains: _Names | msgspec.UnsetType = msgspec.UNSET
    providers: _Names | msgspec.UnsetType = msgspec.UNSET


class PolicyIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of `PUT /policies/{group}`: the whole policy."""

    statements: Annotated[list[StatementIn], Meta(min_length=1, max_length=STATEMENTS_PER_POLICY)]
    limits: LimitsIn | msgspec.UnsetType = msgspec.UNSET
    why: Annotated[str, Meta(max_length=WHY_LENGTH, description="For whoever reads the policy next.")] = ""
    acknowledges: Annotated[
        list[Literal["every_secret", "administration"]],
        Meta(description="What its wildcards reach on purpose; else such a policy is refused.", max_length=2),
    ] = []


class CredentialIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What proves that we are the client: either a secret or a private key. Never shown again."""

    secret: Annotated[str, Meta(min_length=1, max_length=LONGEST_CLIENT_SECRET, pattern=_VISIBLE)] | None = None
    private_key: Annotated[
        Annotated[str, Meta(max_length=LONGEST_PRIVATE_KEY)] | None,
        Meta(description="PEM, not encrypted: RSA for RS256, P-256 for ES256."),
    ] = None

    def __repr__(self) -> str:
        """Say nothing: all of it is secret."""
        return "CredentialIn(...)"


class ProviderIn(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /providers/{name}`: the whole provider, save that a credential left out stays what it was."""

    client_id: Annotated[str, Meta(min_length=1, max_length=LONGEST_CLIENT_ID, pattern=_VISIBLE)]
    auth_method: AuthMethod
    credential: Annotated[
        CredentialIn | msgspec.UnsetType | None,
        Meta(
            description="Left out: the stored one is kept. Null: it is removed.", extra_json_schema={"writeOnly": True}
        ),
    ] = msgspec.UNSET
    token_endpoint: Annotated[
        _Url | None, Meta(description="Comes before a discovered one; one of both is needed.")
    ] = None
    revocation_endpoint: Annotated[_Url | None, Meta(description="RFC 7009.")] = None
    introspection_endpoint: Annotated[_Url | None, Meta(description="RFC 7662.")] = None
    discovery_url: Annotated[
        _Url | None, Meta(description="`.../.well-known/openid-configuration` or RFC 8414's; read now, and kept.")
    ] = None
    parameters: Annotated[
        dict[
            Annotated[str, Meta(max_length=LONGEST_PARAMETER_NAME, pattern=r"^[A-Za-z0-9_.\-]+$(?!\n)")],
            Annotated[str, Meta(max_length=LONGEST_PARAMETER_VALUE)],
        ],
        Meta(max_length=MOST_PARAMETERS, description="Further members of each token request; kept in the clear."),
    ] = {}
    rotates: Annotated[bool, Meta(description="A refresh gives a new refresh token, and the old one is spent.")] = False
    leeway: Annotated[
        int, Meta(ge=0, le=LONGEST_LEEWAY, description="Seconds for which a spent refresh token is borne once more.")
    ] = 0
    margin: Annotated[
        int, Meta(ge=0, le=LONGEST_MARGIN, description="Seconds before its expiry that a token is refreshed.")
    ] = 300
    spread: Annotated[
        int, Meta(ge=0, le=LONGEST_MARGIN, description="Seconds that refreshes spread over; 0: half a token's life.")
    ] = 0
    default_expires_in: Annotated[
        Annotated[int, Meta(ge=1, le=LONGEST_LIFE)] | None, Meta(description="Seconds, for answers that do not say.")
    ] = None
    revoke_replaced: Annotated[bool, Meta(description="Revoke the old token when a newer takes its place.")] = False
    per_second: Annotated[int, Meta(ge=1, le=MOST_PER_SECOND, description="Requests that it bears.")] = 5
    at_once: Annotated[int, Meta(ge=1, le=MOST_AT_ONCE, description="Requests that it bears at the same time.")] = 2
    key_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=LONGEST_KEY_ID, pattern=_VISIBLE)] | None,
        Meta(description="The `kid` of the private key."),
    ] = None
    algorithm: Literal["RS256", "ES256"] = "RS256"
