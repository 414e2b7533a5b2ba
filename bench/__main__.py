"""`python -m bench`: what `./dev bench` becomes once its environment is there."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
import traceback
from typing import TYPE_CHECKING

from bench import lines, results, table
from bench.figures import Line, Scale, unmeasured
from devtool.progress import say

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Measure; print the table; after a full run write it down. 1 when a target is missed."""
    options = _parser().parse_args(arguments)
    chosen = options.only or lines.names()
    scale = Scale.QUICK if options.quick else Scale.FULL
    measured = [line for name in chosen for line in measure(name, scale)]
    say()
    say(table.terminal(measured))
    if scale is Scale.FULL and not options.only:
        _keep(measured)
    return 0 if all(line.passed for line in measured) else 1


def measure(name: str, scale: Scale) -> list[Line]:
    """Measure one file's lines; what goes wrong is a line that fails, so that the others go on."""
    began = time.monotonic()
    try:
        measured = lines.load(name)(scale)
    except Exception as error:  # noqa: BLE001  whatever it is, it is shown, and the run fails
        traceback.print_exc()
        measured = [unmeasured(name.replace("-", " "), f"{type(error).__name__}: {error}")]
    verdict = "ok  " if all(line.passed for line in measured) else "FAIL"
    say(f"{verdict}  {name:<22} {time.monotonic() - began:6.1f} s")
    return measured


def _keep(measured: Sequence[Line]) -> None:
    """Write results, table and picture; the latter two from what was written, so that all three say the same."""
    from bench import picture  # noqa: PLC0415  a shorter run draws nothing

    at = dt.datetime.now(dt.UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    written = results.to_json(results.Run(at=at, machine=results.machine(), lines=measured))
    run = results.from_json(written)
    readme = results.with_table(results.README.read_text(encoding="utf-8"), run)
    results.RESULTS.write_text(written, encoding="utf-8")
    results.README.write_text(readme, encoding="utf-8")
    picture.draw(run.lines, results.FOLDER / "results.svg")
    say("wrote bench/results.json, bench/results.svg and the table in bench/README.md")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=lines.names(), metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
