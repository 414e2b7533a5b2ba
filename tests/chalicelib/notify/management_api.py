"""A real server that answers `@connections` as API Gateway does, or does not."""

from __future__ import annotations

import http.server
import threading
import time
from typing import Self


class ManagementApi:
    """Serve `POST` and `DELETE /api/@connections/{id}` on loopback; remember what came, answer as told."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, bytes]] = []
        self.closed: list[str] = []
        self.status = 200
        self.error = ""
        self.delay = 0.0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.posts.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                time.sleep(outer.delay)
                try:
                    self._answer()
                except OSError:
                    self.close_connection = True  # the client went away: what the test is about

            def do_DELETE(self) -> None:
                outer.closed.append(self.path)
                self._answer()

            def _answer(self) -> None:
                self.send_response(outer.status)
                if outer.error:
                    self.send_header("x-amzn-ErrorType", outer.error)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
