"""Lines that show what goes on and how long it took."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def say(text: str = "") -> None:
    """Print a line at once, also into a file or pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextmanager
def step(label: str) -> Iterator[None]:
    """Show a step while it runs and its time when it is done."""
    began = time.monotonic()
    live = sys.stdout.isatty()
    if live:
        sys.stdout.write(f"  {label} ...")
        sys.stdout.flush()
    try:
        yield
    except BaseException:
        if live:
            sys.stdout.write("\n")
        raise
    say(f"{chr(13) if live else ''}  {label:<44} {time.monotonic() - began:7.2f} s")


@contextmanager
def quiet_step(_label: str) -> Iterator[None]:
    """Show nothing: tests start clouds without a word."""
    yield
