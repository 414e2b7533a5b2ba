"""AWS as a fixed answer after a fixed time: a server in a process of its own, so that what is measured is the client.

with server(delay=0.004) as aws:
    client = boto3.client("dynamodb", endpoint_url=aws.url, verify=str(aws.ca_file))
    aws.counts()  # {"requests": 0, "connections": 0, ...}
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bench import certificates
from devtool import environment
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

Answers = Mapping[str, Any]
"""What is answered, by the operation's name (`PutItem`, `Decrypt`), `@connections` for a post to a socket, or method
and path (`GET /jwks.json`) for a request without an operation. Each is the JSON object of a 200; or
`{"status": 400, "body": {...}}`, for a refusal. `Query BRANCH#` is for those queries whose body holds that text. What
is not named is answered as `bench.answering.USUAL` has it."""

_ENDS_WITHIN = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens. `ca_file` is None where it speaks without TLS."""

    url: str
    ca_file: Path | None
    _asking: IO[str]
    _telling: IO[str]

    def counts(self) -> dict[str, Any]:
        """Return what came since the server began or was `forget`-told.

        `requests`, `connections` opened, `most_open` connections at one time, `operations` by name.
        """
        return self._asked("counts")

    def forget(self) -> None:
        """Count from zero again; what is open stays counted as open."""
        self._asked("forget")

    def _asked(self, what: str) -> dict[str, Any]:
        self._asking.write(f"{what}\n")
        self._asking.flush()
        told: dict[str, Any] = json.loads(self._telling.readline())
        return told


@contextmanager
def server(*, delay: float = 0.0, tls: bool = True, answers: Answers | None = None) -> Iterator[Server]:
    """Run a server on a free port; each answer leaves `delay` seconds after its request came in.

    It ends with its caller, whose end closes its standard input.
    """
    with tempfile.TemporaryDirectory(prefix="cloakroom-bench-") as folder:
        files = certificates.write(Path(folder)) if tls else None
        asked = {
            "delay": delay,
            "answers": dict(answers or {}),
            "certificate": str(files.chain) if files else None,
            "key": str(files.key) if files else None,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.answering", json.dumps(asked)],
            cwd=PROJECT,
            env=environment.for_child(None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            asking, telling = process.stdin, process.stdout
            if asking is None or telling is None:
                raise RuntimeError("the server was started without pipes")
            line = telling.readline()
            if not line:
                raise RuntimeError("the server did not begin to listen: see its words above")
            scheme = "https" if tls else "http"
            url = f"{scheme}://{certificates.LOOPBACK}:{json.loads(line)['port']}"
            yield Server(url, files.authority if files else None, asking, telling)
        finally:
            process.communicate(timeout=_ENDS_WITHIN)
