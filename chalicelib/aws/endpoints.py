"""Where AWS's services listen, and whether this process may go there by itself.

botocore's rules are 16 ms of a cold start to read; a test compares the few lines here with them, for every region that
they know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from msgspec import Struct

from chalicelib.aws.signature import Credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUFFIXES: Final = (
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-iso-", "c2s.ic.gov"),
    ("eusc-", "amazonaws.eu"),
)
_USUAL_SUFFIX: Final = "amazonaws.com"

LEFT_TO_BOTO: Final = (
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_PROFILE",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
)
"""Where one of these is set, boto3 makes the calls: it knows what they mean."""


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where a service listens."""

    is_secure: bool
    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """The host as its header says it: with the port, where that is not the scheme's own."""
        usual = 443 if self.is_secure else 80
        return self.host if self.port == usual else f"{self.host}:{self.port}"


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a process knows of AWS: as whom it calls, in which region."""

    credentials: Credentials
    region: str


def surroundings(environment: Mapping[str, str]) -> Surroundings | None:
    """Return what the environment says, as Lambda sets it; None where boto3 has to find out."""
    if any(environment.get(name) for name in LEFT_TO_BOTO):
        return None
    access, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    if not access or not secret or not region:
        return None
    token = environment.get("AWS_SESSION_TOKEN") or None
    credentials = Credentials(access_key=access, secret_key=secret, session_token=token)
    return Surroundings(credentials=credentials, region=region)


def endpoint_of(service: str, region: str, environment: Mapping[str, str]) -> Endpoint:
    """Return where a service listens: as the environment overrides it, or the region's own.

    The overrides are botocore's: `AWS_ENDPOINT_URL_<SERVICE>` and `AWS_ENDPOINT_URL`, unless
    `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` is `true`.
    Raises ValueError for an override that is no address.
    """
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        own = environment.get(f"AWS_ENDPOINT_URL_{service.upper()}")
        if url := own or environment.get("AWS_ENDPOINT_URL"):
            return parse(url)
    suffix = next((suffix for prefix, suffix in _SUFFIXES if region.startswith(prefix)), _USUAL_SUFFIX)
    return Endpoint(is_secure=True, host=f"{service}.{region}.{suffix}", port=443)


def parse(url: str) -> Endpoint:
    """Read an address. Raises ValueError for one that is not http or https, or says more than host, port and path."""
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise ValueError("an endpoint is http:// or https://, a host, perhaps a port and a path")
    port = parts.port or (443 if is_secure else 80)
    return Endpoint(is_secure=is_secure, host=parts.hostname, port=port, path=parts.path.rstrip("/"))
