"""The tool's own log lines: what the pump delivered, retried and gave up."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BYTES = 5_000_000


@contextmanager
def logging_to(file: Path) -> Iterator[None]:
    """Write the log lines of devtool into a file for a while; it is turned over at 5 MB."""
    handler = RotatingFileHandler(file, maxBytes=_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("devtool")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
