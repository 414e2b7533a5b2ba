"""See that issuers do not speak for each other where they are trusted side by side: people, groups, documents."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.admit.issuer import Issuer

Placed = tuple[str, "Issuer"]
"""An issuer and the place in the settings that it was read from."""


def faults_together(placed: Sequence[Placed]) -> list[str]:
    """Say which issuers must not stand beside each other as they are."""
    return [fault for one, other in combinations(placed, 2) for fault in _faults(one, other)]


def _faults(one: Placed, other: Placed) -> list[str]:
    (place, first), (there, second) = one, other
    faults = []
    if first.name == second.name:
        faults.append(f"{there}.issuer is {place}'s, too: an issuer is described once")
    if _documents(first) & _documents(second) and (first.discovery_url or second.discovery_url):
        faults.append(f"{there}.discovery_url is asked for {place}, too: a document is one issuer's")
    if first.shares_principals and second.shares_principals:
        return faults
    if first.principal_prefix == second.principal_prefix:
        faults.append(
            f"{there}.principal_prefix must be another than {place}'s, or each could speak for the other's people: "
            'give it one, or give both `"principals": "shared"` if the same `sub` is the same person to both'
        )
    if first.groups is None and second.groups is None and first.group_prefix == second.group_prefix:
        faults.append(f"{there}.group_prefix must be another than {place}'s, or list the `groups` that count")
    return faults


def _documents(issuer: Issuer) -> set[str]:
    return {issuer.jwks_url, issuer.discovery_url} - {""}


def made_known(issuers: Sequence[Issuer]) -> tuple[Issuer, ...]:
    """Return the issuers, each with the longer prefixes of the others, which its own names must not begin with."""
    prefixes = {issuer.principal_prefix for issuer in issuers}
    group_prefixes = {issuer.group_prefix for issuer in issuers if issuer.groups is None}
    return tuple(
        replace(
            issuer,
            foreign_principals=_longer(issuer.principal_prefix, prefixes),
            foreign_groups=_longer(issuer.group_prefix, group_prefixes),
        )
        for issuer in issuers
    )


def _longer(own: str, prefixes: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(prefix for prefix in prefixes if prefix != own and prefix.startswith(own)))
