"""A sealed secret wherever it is kept, with what it is bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from chalicelib.model.values import Discreet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.errors import Unreadable
    from chalicelib.model.token import Place


class SealedItem(Discreet, frozen=True, kw_only=True):
    """A token or a provider's credential as it is sealed at `key`. It opens for `place` and `id` alone."""

    HIDDEN: ClassVar[tuple[str, ...]] = ("sealed",)

    key: Mapping[str, object]
    place: Place
    id: str
    sealed: bytes


class Older(Struct, frozen=True, kw_only=True):
    """What is looked for: sealed under (environment, domain), in bytes below `than`: by older versions of its key."""

    environment: str
    domain: str
    than: bytes


class Page(Struct, frozen=True, kw_only=True):
    """What one look at `looked` items found; `last` is the key that the next begins behind, None at the end."""

    found: Sequence[SealedItem | Unreadable]
    looked: int
    last: Mapping[str, Any] | None
