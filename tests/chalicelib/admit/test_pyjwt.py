from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography import x509

from chalicelib.admit.pyjwt import load_later

FRESH = """
import sys
import chalicelib.admit.pyjwt
assert "cryptography.x509" in sys.modules and "cryptography.x509.base" not in sys.modules, "it was loaded"
import jwt, cryptography.hazmat.primitives.asymmetric.rsa as rsa
{then}
"""


def run(then: str) -> None:
    done = subprocess.run([sys.executable, "-c", FRESH.format(then=then)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_pyjwt_never_calls_is_not_loaded_until_it_is() -> None:
    run("assert jwt.algorithms.x509.Name and 'cryptography.x509.base' in sys.modules")


def test_a_key_that_is_made_of_a_jwk_loads_no_certificates() -> None:
    run(
        "key = jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048).public_key(), as_dict=True);"
        "jwt.PyJWK(key, 'RS256'); assert 'cryptography.x509.base' not in sys.modules"
    )


def test_who_imports_it_later_gets_the_whole_of_it() -> None:
    run("from cryptography.x509 import load_pem_x509_certificate, NameOID; import cryptography.x509.oid")


def test_what_is_loaded_stays_as_it_is() -> None:
    load_later("cryptography.x509")

    assert sys.modules["cryptography.x509"] is x509
    assert x509.Name.__module__ == "cryptography.x509.name"


def test_a_module_that_is_not_there_is_missed_at_once() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"cryptography\.nothing"):
        load_later("cryptography.nothing")
