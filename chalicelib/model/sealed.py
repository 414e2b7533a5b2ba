"""A sealed secret wherever it is kept, with what it is bound to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.errors import Unreadable
    from chalicelib.model.token import Place


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedItem:
    """A token or a provider's credential as it is sealed at `key`. It opens for `place` and `id` alone."""

    key: Mapping[str, object]
    place: Place
    id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Older:
    """What is looked for: sealed under (environment, domain), in bytes below `than`: by older versions of its key."""

    environment: str
    domain: str
    than: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """What one look at `looked` items found; `last` is the key that the next begins behind, None at the end."""

    found: Sequence[SealedItem | Unreadable]
    looked: int
    last: Mapping[str, Any] | None
