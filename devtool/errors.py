"""What can go wrong behind ./dev. The message says what is wrong and what to type next."""

from __future__ import annotations


class DevError(Exception):
    """Anything that ./dev reports in one line, without a traceback."""

    exit_code = 1


class NotRunning(DevError):
    """No local cloud is up."""


class AlreadyRunning(DevError):
    """A local cloud of this folder is up already."""


class PortTaken(DevError):
    """Somebody else listens on the port."""


class PackagingFailed(DevError):
    """There is no package, or none that Lambda could run."""


class DirectFailed(DevError):
    """The project for a plain `chalice deploy` was not rendered."""


class DeployFailed(DevError):
    """The stack was not created or updated."""


class CloudDied(DevError):
    """The emulator ended by itself."""


class DemoFailed(DevError):
    """A step of the demonstration did not do what it should."""
