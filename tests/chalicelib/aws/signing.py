"""One request, signed by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.aws.signature import Signer


def signed(
    signer: Signer, method: str, path: str, headers: Mapping[str, str], body: bytes, *, at: int
) -> dict[str, str]:
    """Return `headers` with those that sign the request."""
    alike = signer.alike(method, headers, body, at=at)
    return {**alike.headers, "authorization": alike.authorization + alike.signature(path)}
