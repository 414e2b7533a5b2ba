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
        _connect(wired.table_client)
    except Exception as error:  # noqa: BLE001  a function that does not start can answer nobody, nor deny
        log.failure("function.unready", error, function=name)


def _api(wired: Wiring) -> None:
    """Answer `POST /tokens`, which a login waits for; the other routes load what is theirs."""
    from chalicelib.intake import reading  # noqa: F401, PLC0415

    _ = wired.intake, wired.standing, wired.known_access
    _connect(wired.keys_client)


def _authorize(wired: Wiring) -> None:
    from chalicelib.admit import answer  # noqa: F401, PLC0415

    _ = wired.verifier, wired.policies, wired.known_access, wired.meter


def _connect(client: Any) -> None:
    """Open a connection of a client of ours; boto3's opens its own when it is asked."""
    if line := getattr(client, "line", None):
        line.open()


READY: Final[Mapping[str, Callable[[Wiring], object]]] = {
    "app": _api,
    "authorize": _authorize,
    "advance": lambda wired: wired.advance,
    "notify": lambda wired: (wired.notify, wired.pushing_pool),
    "work": lambda wired: wired.work,
    "sweep": lambda wired: wired.sweep,
    "refresh_due": lambda wired: wired.schedule,
    "connect": lambda wired: wired.door,
    "message": lambda wired: wired.hearing,
    "disconnect": lambda wired: wired.door,
}
"""By the name behind `app.` of a function's handler: what it has beside a connection to the table."""
