"""Where things lie: the project, and what ./dev makes beside it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CLOUD_PYTHON = PROJECT / ".local" / "cloud-venv" / "bin" / "python"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """The folder of one local cloud: `.local/` for `./dev up`, a temporary one for each test run."""

    local: Path

    @property
    def state(self) -> Path:
        """What the local cloud keeps across restarts."""
        return self.local / "state"

    @property
    def logs(self) -> Path:
        """What the local cloud, the pump and each command of ours have written."""
        return self.local / "log"

    @property
    def temporary(self) -> Path:
        """Lambda workers unpack their code here; emptied at each start."""
        return self.local / "tmp"

    @property
    def issuer_key(self) -> Path:
        """The private key that signs bearer tokens."""
        return self.local / "issuer.pem"

    @property
    def run_file(self) -> Path:
        """Who runs now: processes and addresses. Gone after a clean stop."""
        return self.local / "run.json"

    def make(self) -> Workspace:
        """Create the folders."""
        for folder in (self.state, self.logs, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)
        return self


def default_workspace() -> Workspace:
    """Name the workspace that `./dev up` uses: CLOAKROOM_LOCAL, so that two clouds can be up, or `.local`."""
    return Workspace(local=Path(os.environ.get("CLOAKROOM_LOCAL", PROJECT / ".local")).absolute())
