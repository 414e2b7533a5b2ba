"""What each function makes ready while Lambda starts it: its first event imports, reads and opens nothing of that.

Lambda gives this time a whole processor, where a request at 512 MB has a third of one. What is not in a function's row
is loaded when it is first asked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from chalicelib import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.wiring import Wiring


def function() -> str | None:
    """Return which of our functions Lambda says that this is (`_HANDLER`).

    None elsewhere, and where somebody's wrapper is the handler: it may call any of them.
    """
    module, _, name = os.environ.get("_HANDLER", "").rpartition(".")
    return name if module == "app" and name in READY else None


def make_ready(wired: Wiring) -> None:
    """Make the function ready that this is; where nobody says which, nothing.

    Never raises: what fails here fails again in the first event, which has an answer for it.
    """
    name = function()
    if name is None:
        return
    try:
        READY[name](wired)
    except Exception as error:  # noqa: BLE001  a function that does not start can answer nobody, nor deny
        log.failure("function.unready", error, function=name)


def _api(wired: Wiring) -> None:
    """Answer `POST /tokens`, which a login waits for; the other routes load what is theirs."""
    from chalicelib.intake import reading  # noqa: F401, PLC0415

    _ = wired.intake, wired.standing, wired.known_access
    _connect(wired.table_client, wired.keys_client)


def _authorize(wired: Wiring) -> None:
    from chalicelib.admit import answer  # noqa: F401, PLC0415

    _ = wired.verifier, wired.policies, wired.known_access, wired.meter
    _connect(wired.table_client)


def _advance(wired: Wiring) -> None:
    _ = wired.advance
    _connect(wired.table_client)


def _notify(wired: Wiring) -> None:
    _ = wired.notify, wired.pushing_pool
    _connect(wired.table_client)


def _work(wired: Wiring) -> None:
    _ = wired.work
    _connect(wired.table_client)


def _sweep(wired: Wiring) -> None:
    _ = wired.sweep
    _connect(wired.table_client)


def _refresh_due(wired: Wiring) -> None:
    _ = wired.schedule
    _connect(wired.table_client)


def _door(wired: Wiring) -> None:
    _ = wired.door
    _connect(wired.table_client)


def _hearing(wired: Wiring) -> None:
    _ = wired.hearing
    _connect(wired.table_client)


def _connect(*clients: Any) -> None:
    """Open a connection of each client of ours; boto3's opens its own when it is asked."""
    for client in clients:
        if line := getattr(client, "line", None):
            line.open()


READY: Final[Mapping[str, Callable[[Wiring], None]]] = {
    "app": _api,
    "authorize": _authorize,
    "advance": _advance,
    "notify": _notify,
    "work": _work,
    "sweep": _sweep,
    "refresh_due": _refresh_due,
    "connect": _door,
    "message": _hearing,
    "disconnect": _door,
}
"""By the name behind `app.` of a function's handler."""
