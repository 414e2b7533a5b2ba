"""Name the API key by which API Gateway counts a client's requests.

The key source is AUTHORIZER: a key that a caller sends is not looked at, so none of them is a credential. Each client
that is listed has a key of its own, by its place in the list; all others share the first.
"""

from __future__ import annotations

from msgspec import Struct


class Meter(Struct, frozen=True, kw_only=True):
    """Know the keys of the usage plans: `prefix` and two digits, 00 for everybody who is not in `clients`."""

    prefix: str
    clients: tuple[str, ...]

    def key_of(self, client: str | None) -> str:
        """Return the API key of a client (`azp` or `client_id` of its bearer token), or of a bearer that names none."""
        place = self.clients.index(client) + 1 if client in self.clients else 0
        return f"{self.prefix}{place:02}"
