"""Cold zip: what importing the app costs, from the package as it is built."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench import fresh, login, tree
from bench.figures import LIMIT, OURS, PEER, Line, Target, compared, interleaved, middle
from bench.function import ours
from bench.server import server

if TYPE_CHECKING:
    from bench.figures import Scale

TARGET = Target(limit_at_most=1.1)


def measure(scale: Scale) -> list[Line]:
    """Import the app from each in turn, in fresh interpreters that write nothing, as in Lambda."""
    trees = {OURS: tree.finished(), PEER: tree.plain(), LIMIT: tree.compiled()}
    walls: dict[str, list[float]] = {who: [] for who in trees}
    with server() as aws, tempfile.TemporaryDirectory() as folder:
        environment, _ = login.environments(aws, Path(folder))
        # The event has no route, so that nothing follows the import.
        samples = interleaved(
            scale.of(full=25, quick=5),
            {
                who: fresh.taking(ours("app", unpacked, environment), dict, walls[who])
                for who, unpacked in trees.items()
            },
        )
    details = [f"wall time: {', '.join(f'{who} {middle(taken):.0f} ms' for who, taken in walls.items())}"]
    return [compared("cold zip", "ms of processor", samples, TARGET, details=details)]
