"""Where a group's rights end: the environments, domains and providers that its Allow statements hold for.

The gateway sees paths, which name no environment and no domain; so the service enforces limits, on the thing that it
finds. Several limits are alternatives: each belongs to an Allow of its own.

They are stored (policies, tickets, connections, imports) and carried (`grants`): never rename, never reuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FIELDS: Final = ("environments", "domains", "providers")
_ONE_OF: Final = {"environments": "environment", "domains": "domain", "providers": "provider"}

LARGEST_REACH: Final = 4_096
"""Characters of limits that may be kept with a ticket, a connection or an import: a push and a job have little room."""


class Whereabouts(Protocol):
    """What lies somewhere: a token's place, the body that hands it in. None where it lies in no one of a kind."""

    @property
    def environment(self) -> str | None: ...  # noqa: D102
    @property
    def domain(self) -> str | None: ...  # noqa: D102
    @property
    def provider(self) -> str | None: ...  # noqa: D102


class Somewhere(Struct, frozen=True, kw_only=True):
    """What is in one of some kinds only: a provider's settings are in no domain, a domain's key is of no provider."""

    environment: str | None = None
    domain: str | None = None
    provider: str | None = None


NOWHERE: Final = Somewhere()
"""What lies in no place at all: an import, a policy. Only what is not limited holds for it."""


class Limits(Struct, frozen=True, kw_only=True):
    """Hold what an Allow is limited to; None is no limit, an empty tuple is nothing at all."""

    environments: tuple[str, ...] | None = None
    domains: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None

    def fault(self, thing: Whereabouts) -> str | None:
        """Return which of a thing's `environment`, `domain` and `provider` lies outside, None if it lies within."""
        for field in FIELDS:
            allowed, where = getattr(self, field), _ONE_OF[field]
            if allowed is not None and getattr(thing, where) not in allowed:
                return where
        return None


EVERYWHERE: Final = Limits()


class Reach(Struct, frozen=True):
    """Hold the limits of all Allow statements that allow a request: it may touch what lies within one of them."""

    any_of: tuple[Limits, ...]

    @classmethod
    def of(cls, limits: Iterable[Limits]) -> Reach:
        """Return a reach in its shortest form."""
        once = tuple(dict.fromkeys(limits))
        return EVERYTHING if EVERYWHERE in once else cls(once)

    def holds(self, thing: Whereabouts) -> bool:
        """Say whether a thing lies within."""
        return any(limits.fault(thing) is None for limits in self.any_of)

    def touches(self, environment: str, domain: str) -> bool:
        """Say whether anything in an environment and domain lies within, whatever its provider."""
        scope = Somewhere(environment=environment, domain=domain)
        return any(limits.fault(scope) in (None, "provider") for limits in self.any_of)

    def fault(self, thing: Whereabouts) -> str | None:
        """Return what of a thing lies outside: what the limits that come closest to it miss."""
        faults = [limits.fault(thing) for limits in self.any_of]
        if None in faults:
            return None
        return max((fault for fault in faults if fault), key=list(_ONE_OF.values()).index, default="environment")


EVERYTHING: Final = Reach((EVERYWHERE,))
NOTHING: Final = Reach(())


def limits_to_plain(limits: Limits) -> dict[str, list[str]]:
    """Write limits as a plain dict: what is not limited is left out."""
    return {field: list(allowed) for field in FIELDS if (allowed := getattr(limits, field)) is not None}


def limits_from_plain(raw: object) -> Limits:
    """Read what `limits_to_plain` wrote. Raises ValueError for anything else: a limit that is lost would be a right."""
    if not isinstance(raw, dict) or not set(raw) <= set(FIELDS):
        raise ValueError("limits that this version does not know")
    for listed in raw.values():
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise ValueError("limits are lists of names")
    return Limits(**{field: tuple(listed) for field, listed in raw.items()})


def reach_to_plain(reach: Reach) -> list[dict[str, list[str]]] | None:
    """Write a reach to be kept; None for one without limits, so that what is kept without any has none."""
    return None if reach == EVERYTHING else [limits_to_plain(limits) for limits in reach.any_of]


def reach_from_plain(raw: object) -> Reach:
    """Read what `reach_to_plain` wrote. Raises ValueError for anything else."""
    if raw is None:
        return EVERYTHING
    if not isinstance(raw, list):
        raise ValueError("a reach is a list of limits")  # noqa: TRY004  whatever is wrong with what was kept
    return Reach(tuple(limits_from_plain(one) for one in raw))


def is_too_large(reach: Reach) -> bool:
    """Say whether a reach takes more room than there is where it is kept."""
    return len(repr(reach_to_plain(reach))) > LARGEST_REACH


def written_in(limits: Limits, variable: Callable[[str], str | None]) -> Limits:
    """Return limits with the caller's variables written in; one that stands for nothing is left out of its list.

    The list stays, and may become empty: then it allows nothing.
    """
    found: dict[str, tuple[str, ...]] = {}
    for field in FIELDS:
        allowed = getattr(limits, field)
        if allowed is not None:
            values = [variable(value) if value.startswith("$") else value for value in allowed]
            found[field] = tuple(value for value in values if value is not None)
    return Limits(**found)
