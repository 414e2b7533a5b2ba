"""Whom a connection to AWS believes.

Reading the 126 certificates of the usual file takes 14 ms of each cold start; Amazon's roots take one. They are what
AWS asks its clients to trust (https://www.amazontrust.com/repository/), and where a region's certificates come from
somebody else, the usual file is read after all, once.
"""

from __future__ import annotations

import os
import ssl
import threading
from typing import Final

ROOTS: Final = f"{__file__.rpartition('/')[0]}/roots.pem"  # no Path: nothing else of a cold start needs pathlib
OWN_BUNDLES: Final = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""Where one of these names a file, it alone is believed, as botocore does."""


class Trust:
    """This process's TLS contexts, each made once and shared by all connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._is_wide = False

    def context(self) -> ssl.SSLContext:
        """Return the context that connections are made with."""
        with self._lock:
            if self._context is None:
                own = next((file for name in OWN_BUNDLES if (file := os.environ.get(name))), None)
                self._is_wide = own is not None
                self._context = ssl.create_default_context(cafile=own or ROOTS)
            return self._context

    def widen(self) -> bool:
        """Believe the system's roots from now on. False where they, or an operator's own, were believed already."""
        with self._lock:
            if self._is_wide:
                return False
            self._is_wide = True
            self._context = ssl.create_default_context()
            return True


trust: Final = Trust()
"""This process's one."""
