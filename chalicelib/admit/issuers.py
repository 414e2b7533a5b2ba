"""Read the setting ISSUERS: a JSON list of objects, one an issuer, beside the short form of one (JWT_ISSUER).

Everything that is wrong is said at once, each fault with its place. A rule that is misread lets strangers in, so
nothing is passed over: no member that is not known, no member twice, no value of another type.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from chalicelib.admit.issuer import ALGORITHMS, AudienceClaim, Issuer
from chalicelib.admit.jwks import url_fault
from chalicelib.admit.together import faults_together, made_known
from chalicelib.errors import Misconfigured
from chalicelib.model import names
from chalicelib.model.policy import CLAIM_PATTERN
from chalicelib.outbound.addresses import LONGEST_URL

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.admit.claims import Path

SETTING_BYTES: Final = 2560
"""A function's environment holds 4 KB in all (AWS Lambda's quota); the other settings take about 1 KB of them."""

MOST: Final = 10
TEXT_LENGTH: Final = 512
PREFIX_LENGTH: Final = 32
PATH_LENGTH: Final = 5
CHECKED: Final = ("iss", "aud", "exp", "nbf", "iat")

_ALIAS: Final = re.compile(CLAIM_PATTERN)


def short_form(*, issuer: str, audience: str, jwks_url: str, groups_claim: str) -> Issuer:
    """Return the issuer that JWT_ISSUER and its companions describe: all its groups and claims count, by their names.

    Raises Misconfigured.
    """
    fault = url_fault(jwks_url)
    if fault is not None:
        raise Misconfigured(f"JWKS_URL {fault}")
    return Issuer(name=issuer, audiences=(audience,), jwks_url=jwks_url, groups_claim=(groups_claim,))


def read_issuers(setting: str, short: Issuer | None = None) -> tuple[Issuer, ...]:
    """Return all issuers: the short form's, if given, and those of ISSUERS. Raises Misconfigured naming every fault."""
    faults: list[str] = []
    listed = [("JWT_ISSUER", short)] if short is not None else []
    for index, raw in enumerate(_items(setting) if setting else []):
        place = f"ISSUERS[{index}]"
        issuer = _issuer(raw, place, faults)
        if issuer is not None:
            listed.append((place, issuer))
    faults += faults_together(listed)
    if faults:
        raise Misconfigured("; ".join(faults))
    return made_known([issuer for _, issuer in listed])


def _items(setting: str) -> list[object]:
    size = len(setting.encode())
    if size > SETTING_BYTES:
        raise Misconfigured(f"ISSUERS has {size} bytes; at most {SETTING_BYTES} fit a function's environment")
    try:
        items = json.loads(setting, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Misconfigured(f"ISSUERS is no JSON: {error}") from None
    if not isinstance(items, list) or not 0 < len(items) <= MOST:
        raise Misconfigured(f"ISSUERS must be a list of 1 to {MOST} objects")
    return items


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, as json's `object_pairs_hook`. Raises ValueError for one that occurs twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice in one object")
    return members


def _issuer(raw: object, place: str, faults: list[str]) -> Issuer | None:
    """Read one; None where something is wrong, which `faults` then says."""
    if not isinstance(raw, dict):
        faults.append(f"{place} must be an object")
        return None
    known = ", ".join(_MEMBERS)
    found = [f"{place}.{name}: there is no such member; there are {known}" for name in raw if name not in _MEMBERS]
    found += [f"{place}.{name} must be given" for name in ("issuer", "audience") if name not in raw]
    values: dict[str, Any] = {"claims": {}}  # none that was not declared: two issuers mean two things by one name
    for name in (name for name in _MEMBERS if name in raw):
        field, read = _MEMBERS[name]
        try:
            values[field] = read(raw[name])
        except ValueError as fault:
            found.append(f"{place}.{name} {fault}")
    found += [f"{place}: {fault}" for fault in _faults_of_whole(raw, values)]
    faults += found
    return None if found else Issuer(**values)


def _faults_of_whole(raw: dict[str, object], values: dict[str, Any]) -> list[str]:
    """Say what members are missing or do not go together; give the address that follows from the issuer's name."""
    faults = []
    if "jwks_url" in raw and "discovery_url" in raw:
        faults.append("jwks_url and discovery_url are two ways to the keys: give one")
    if "jwks_url" not in raw and "discovery_url" not in raw and "name" in values:
        # OpenID Connect Discovery 1.0, section 4: appended to the issuer, without its last slash.
        address = values["name"].removesuffix("/") + "/.well-known/openid-configuration"
        if url_fault(address) is not None:
            faults.append("give jwks_url or discovery_url: the issuer's name is no address to find its keys by")
        values["discovery_url"] = address
    if ("groups" in raw) == ("group_prefix" in raw):
        faults.append(
            "say which of its groups count: `groups` (a list of names, or an object of theirs to ours) or "
            "`group_prefix` (all count, each behind it)"
        )
    return faults


def _text(raw: object, longest: int = TEXT_LENGTH) -> str:
    if not isinstance(raw, str) or not 0 < len(raw) <= longest or not raw.isprintable():
        raise ValueError(f"must be a text of 1 to {longest} printable characters")
    return raw


def _texts(raw: object) -> tuple[str, ...]:
    listed = raw if isinstance(raw, list) else [raw]
    if not listed:
        raise ValueError("must not be an empty list")
    return tuple(_text(item) for item in listed)


def _address(raw: object) -> str:
    address = _text(raw, LONGEST_URL)
    fault = url_fault(address)
    if fault is not None:
        raise ValueError(fault)
    return address


def _algorithms(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or not all(item in ALGORITHMS for item in raw):
        raise ValueError(f"must be a list of some of {', '.join(ALGORITHMS)}")
    return tuple(raw)


def _audience_claim(raw: object) -> AudienceClaim:
    if raw not in ("aud", "client_id"):
        raise ValueError("must be `aud` or `client_id`")
    return raw


def _path(raw: object) -> Path:
    path = _texts(raw)
    if len(path) > PATH_LENGTH:
        raise ValueError(f"must be a claim's name, or a list of at most {PATH_LENGTH} names on the way to it")
    return path


def _required(raw: object) -> dict[str, tuple[str | bool, ...]]:
    if not isinstance(raw, dict) or not raw:
        raise ValueError("must be an object of claims and what each must be")
    checked = [name for name in raw if name in CHECKED]
    if checked:
        raise ValueError(f"must not name {', '.join(checked)}: checked for every token")
    return {_text(name): _allowed(value) for name, value in raw.items()}


def _allowed(raw: object) -> tuple[str | bool, ...]:
    listed = raw if isinstance(raw, list) else [raw]
    if not listed or not all(isinstance(item, bool) or (isinstance(item, str) and item) for item in listed):
        raise ValueError("must name for each claim a text, true or false, or a list of such")
    return tuple(listed)


def _claims(raw: object) -> dict[str, Path]:
    if isinstance(raw, list):
        raw = {name: name for name in _texts(raw)}
    if not isinstance(raw, dict):
        raise ValueError("must be an object of our names and their claims, or a list of names")  # noqa: TRY004
    if not all(_ALIAS.fullmatch(alias) for alias in raw):
        raise ValueError("must have names of our own of 1 to 64 characters of A-Z a-z 0-9 _ that begin with a letter")
    return {alias: _path(path) for alias, path in raw.items()}


def _principal_prefix(raw: object) -> str:
    prefix = _text(raw, PREFIX_LENGTH)
    if names.subject_fault(prefix) is not None:
        raise ValueError("must be of characters that a subject may have")
    return prefix


def _shares(raw: object) -> bool:
    if raw != "shared":
        raise ValueError("must be `shared`, or left out")
    return True


def _groups(raw: object) -> dict[str, str]:
    if isinstance(raw, list):
        raw = dict(zip(_texts(raw), raw, strict=True))
    if not isinstance(raw, dict):
        raise ValueError("must be a list of groups, or an object of theirs to ours")  # noqa: TRY004
    for ours in raw.values():
        fault = names.group_fault(ours) if isinstance(ours, str) else "must be a text"
        if fault is not None:
            raise ValueError(f"must lead to groups of ours: {fault}")
    return {_text(theirs): ours for theirs, ours in raw.items()}


def _group_prefix(raw: object) -> str:
    if raw == "":
        return ""
    prefix = _text(raw, PREFIX_LENGTH)
    fault = names.group_fault(prefix)
    if fault is not None:
        raise ValueError(f"must begin groups of ours: {fault}")
    return prefix


_MEMBERS: Final[dict[str, tuple[str, Callable[[Any], object]]]] = {
    "issuer": ("name", _text),
    "audience": ("audiences", _texts),
    "jwks_url": ("jwks_url", _address),
    "discovery_url": ("discovery_url", _address),
    "algorithms": ("algorithms", _algorithms),
    "audience_claim": ("audience_claim", _audience_claim),
    "required": ("required", _required),
    "groups_claim": ("groups_claim", _path),
    "groups": ("groups", _groups),
    "group_prefix": ("group_prefix", _group_prefix),
    "principal_prefix": ("principal_prefix", _principal_prefix),
    "principals": ("shares_principals", _shares),
    "claims": ("claims", _claims),
}
"""Each member of the setting, the field of `Issuer` that it is, and how it is read."""
