"""A pytest plugin: branch coverage in the summary, so that pytest's closing line stays the last one.

Counted is what the tests call in their own process; what the deployed functions do for tests over the wire is not.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import coverage
from coverage.exceptions import CoverageException

from devtool.workspace import PROJECT

if TYPE_CHECKING:
    import pytest

TABLE = PROJECT / ".local" / "log" / "coverage.txt"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the coverage by file; of a part of the tests, the total only."""
    measured = coverage.Coverage.current()
    if measured is None:
        return
    measured.stop()
    table = io.StringIO()
    # A warning, such as that of a module which no chosen test imports, is an error to pytest. Not here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            measured.save()
            total = measured.report(file=table)
        except CoverageException as error:
            terminalreporter.write_line(f"coverage: {error}")
            return
        finally:
            measured.start()
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(table.getvalue())
    if not config.invocation_params.args or config.args == config.getini("testpaths"):
        terminalreporter.section("coverage by branch")
        terminalreporter.write(table.getvalue())
    terminalreporter.write_line(
        f"coverage by branch (app, chalicelib; this process): {total:.1f} % (by file: {TABLE.relative_to(PROJECT)})"
    )
