"""PyJWT, of which a bearer's key and signature are checked, without a fifth of the authorizer's cold start.

PyJWT imports `cryptography.x509` for keys that come as certificates. An issuer's come as JWK, and X.509's 20 modules,
with `email` and `ipaddress` behind them, are never called: they are loaded when somebody asks for one of their names.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import LazyLoader, find_spec, module_from_spec


def load_later(name: str) -> None:
    """Have a package's module loaded when a name of it is first asked for; one that is loaded stays as it is.

    The package gets it as its own, which an import would do: `from package import module` looks there first. Before
    Python 3.12 two threads must not be the first to ask at the same time.
    """
    if name in sys.modules:
        return
    package, _, last = name.rpartition(".")
    home, spec = importlib.import_module(package), find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"there is no module {name}", name=name)
    spec.loader = LazyLoader(spec.loader)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(home, last, module)


load_later("cryptography.x509")

from jwt import PyJWK, PyJWS  # noqa: E402  behind the line above
from jwt.exceptions import (  # noqa: E402
    InvalidAlgorithmError,
    InvalidKeyError,
    InvalidSignatureError,
    PyJWTError,
)

__all__ = ["InvalidAlgorithmError", "InvalidKeyError", "InvalidSignatureError", "PyJWK", "PyJWS", "PyJWTError"]
