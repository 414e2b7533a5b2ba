"""The one place that opens AWS clients, reads the clock and the settings, and mints ids. All of it lazily: a function
opens what it uses and nothing else.

`system` is what only the system can tell; `stores` is made of that, `answering` of both, `behind` of all three.
"""

from __future__ import annotations

from chalicelib.wiring.behind import Behind


class Wiring(Behind):
    """Everything a handler may ask for, each thing made when it is first asked for and then kept."""


wired = Wiring()
"""This process's one wiring."""
