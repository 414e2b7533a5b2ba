"""Say which addresses of outsiders may be called, and why another is refused.

Whoever sets a provider up names an address, and this service calls it from inside: with our network's view and our
machine's metadata service in reach. So an address is judged by what its name resolves to, never by how it is spelt:
`2130706433`, `0x7f.1` and `localhost` are whatever the resolver makes of them.

An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) is refused whatever it carries: none
is needed to reach a provider, and each is a second spelling to get wrong. What is not plainly global is refused, so a
range that is given a meaning tomorrow is refused today.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from chalicelib.errors import AddressRefused

Address = IPv4Address | IPv6Address

LONGEST_URL: Final = 2_048
LONGEST_HOST: Final = 253

_PLAIN: Final = re.compile(r"[\x21-\x7e]+")
_HOST: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")

# IANA's special-purpose registries (RFC 6890 and its updates), by what is behind an address.
_PRIVATE: Final[tuple[tuple[str, str], ...]] = (
    ("127.0.0.0/8", "a loopback"),
    ("10.0.0.0/8", "a private"),
    ("172.16.0.0/12", "a private"),
    ("192.168.0.0/16", "a private"),
    ("100.64.0.0/10", "a carrier's private"),
    ("::1/128", "a loopback"),
    ("fc00::/7", "a private"),
)
"""What `allow_private` allows."""

_NEVER: Final[tuple[tuple[str, str], ...]] = (
    ("169.254.0.0/16", "a link-local or metadata"),  # 169.254.169.254, and 169.254.170.2 with a task's credentials
    ("168.63.129.16/32", "a metadata"),  # Azure's, which looks public
    ("100.100.100.200/32", "a metadata"),  # Alibaba's, within a carrier's range
    ("fd00:ec2::/32", "a metadata"),  # AWS's over IPv6, within the private range
    ("fe80::/10", "a link-local"),
    ("fec0::/10", "a site-local"),
    ("0.0.0.0/8", "an unspecified"),  # Linux connects 0.0.0.0 to this machine
    ("224.0.0.0/4", "a multicast"),
    ("ff00::/8", "a multicast"),
    ("192.0.0.0/24", "a reserved"),
    ("192.0.2.0/24", "a reserved"),
    ("192.88.99.0/24", "a reserved"),
    ("198.18.0.0/15", "a reserved"),
    ("198.51.100.0/24", "a reserved"),
    ("203.0.113.0/24", "a reserved"),
    ("240.0.0.0/4", "a reserved"),
    ("2001:db8::/32", "a reserved"),
    ("3fff::/20", "a reserved"),
    ("2002::/16", "an IPv4-carrying"),  # 6to4
    ("2001::/23", "an IPv4-carrying or reserved"),  # Teredo and the rest of IETF's protocol assignments
)

_GLOBAL_6: Final = IPv6Network("2000::/3")
"""All of IPv6 that is routed. Mapped, compatible and NAT64 addresses lie outside."""

_PRIVATE_4: Final = [(IPv4Network(text), what) for text, what in _PRIVATE if ":" not in text]
_PRIVATE_6: Final = [(IPv6Network(text), what) for text, what in _PRIVATE if ":" in text]
_NEVER_4: Final = [(IPv4Network(text), what) for text, what in _NEVER if ":" not in text]
_NEVER_6: Final = [(IPv6Network(text), what) for text, what in _NEVER if ":" in text]


class Endpoint(Struct, frozen=True):
    """An address taken apart: whom to ask for (`target`: path and query), and at which port of which host."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Return what the `Host` header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def parse_endpoint(url: str, *, allow_private: bool) -> Endpoint:
    """Take an address apart. Raises AddressRefused saying which rule it breaks, without repeating it.

    Plain http is for a stage that allows private addresses. Any port is allowed: what answers there must do so in TLS,
    under a certificate for the name.
    """
    if len(url) > LONGEST_URL:
        raise refused(f"at most {LONGEST_URL} characters")
    if not _PLAIN.fullmatch(url) or "\\" in url:
        raise refused("printable ASCII without spaces or backslashes; write a name beyond ASCII in its xn-- form")
    parts = _split(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_private):
        raise refused("https:// with a host")
    if "@" in parts.netloc:
        raise refused("no user information; the credential has a member of its own")
    if "#" in url:
        raise refused("no fragment")
    secure = parts.scheme == "https"
    port = _port(parts)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(secure, _host(parts), (443 if secure else 80) if port is None else port, target)


def address_fault(address: Address, *, allow_private: bool) -> str | None:
    """Return what kind of address this is if it may not be called, e.g. "a loopback", or None if it may."""
    if isinstance(address, IPv4Address):
        fault = _within(address, _NEVER_4)
        private = _within(address, _PRIVATE_4)
    else:
        fault = "a zoned" if address.scope_id is not None else _within(address, _NEVER_6)
        private = _within(address, _PRIVATE_6)
    if fault is not None:
        return fault
    if private is not None:
        return None if allow_private else private
    if isinstance(address, IPv6Address) and address not in _GLOBAL_6:
        return "an IPv4-carrying or reserved"
    return None if address.is_global else "a reserved"


def checked(resolved: list[str], *, allow_private: bool) -> list[Address]:
    """Return the addresses that a name resolved to. Raises AddressRefused if ANY of them may not be called.

    Any, not all: a name that has one foot inside is not a provider's, and which one is used would be chance.
    """
    addresses: list[Address] = []
    for text in resolved:
        try:
            address = ip_address(text)
        except ValueError:
            raise refused("a host that resolves to an address") from None
        if fault := address_fault(address, allow_private=allow_private):
            raise refused(f"a host that resolves to public addresses only; this one has {fault} address")
        addresses.append(address)
    return addresses


def refused(rule: str) -> AddressRefused:
    """Return the refusal of an address."""
    return AddressRefused(f"an address: {rule}", rule=rule)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # brackets that hold no IPv6 address
        raise refused("https:// with a host") from None


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        raise refused("a port from 1 to 65535") from None
    if port == 0:
        raise refused("a port from 1 to 65535")
    return port


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:
        try:
            return str(IPv6Address(host)) if "%" not in host else _no_host()
        except ValueError:
            return _no_host()
    if "[" in parts.netloc or len(host) > LONGEST_HOST or not _HOST.fullmatch(host):
        return _no_host()
    return host


def _no_host() -> str:
    raise refused("a host of letters, digits, dots and hyphens, or an IP address")


def _within(address: Address, networks: list[tuple[IPv4Network, str]] | list[tuple[IPv6Network, str]]) -> str | None:
    return next((what for network, what in networks if address in network), None)
