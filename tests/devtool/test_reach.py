from __future__ import annotations

import pytest

from devtool.errors import PackagingFailed
from devtool.reach import modules, reachable


def reached(files: dict[str, str]) -> set[str]:
    return reachable({name: text.encode() for name, text in files.items()}, ("app",))


def test_a_file_is_a_module_by_its_path_and_a_library_of_c_is_none() -> None:
    names = (
        "app.py",
        "jwt/__init__.py",
        "jwt/a.py",
        "_c.cpython-311-x86_64-linux-gnu.so",
        "x/_r.abi3.so",
        "x.libs/y.so",
    )

    assert modules(dict.fromkeys((*names, "data.json", "odd-name/m.py"), b"")) == {
        "app": "app.py",
        "jwt": "jwt/__init__.py",
        "jwt.a": "jwt/a.py",
        "_c": "_c.cpython-311-x86_64-linux-gnu.so",
        "x._r": "x/_r.abi3.so",
    }


@pytest.mark.parametrize(
    "source",
    [
        "import lib.inner",
        "from lib import inner",
        "from lib.inner import thing",
        "def late():\n    import lib.inner",
        "try:\n    import absent\nexcept ImportError:\n    import lib.inner",
        "NAME = 'lib.inner'",
    ],
)
def test_an_import_counts_wherever_it_stands(source: str) -> None:
    found = reached({"app.py": source, "lib/__init__.py": "", "lib/inner.py": "", "lib/other.py": ""})

    assert found == {"app.py", "lib/__init__.py", "lib/inner.py"}


@pytest.mark.parametrize(
    ("begin", "source"),
    [
        ("lib/deep/__init__.py", "from .sister import thing"),
        ("lib/deep/__init__.py", "from . import sister"),
        ("lib/deep/one.py", "from .sister import thing"),
        ("lib/one.py", "from .deep import sister"),
        ("lib/deep/one.py", "from ..deep.sister import thing"),
    ],
)
def test_an_import_of_a_neighbour_is_followed_from_where_it_stands(begin: str, source: str) -> None:
    module = begin.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    files = {"lib/__init__.py": "", "lib/deep/__init__.py": "", "lib/deep/sister.py": "", begin: source}

    assert "lib/deep/sister.py" in reached({"app.py": f"import {module}", **files})


def test_what_nobody_imports_is_not_reached_and_need_not_even_parse() -> None:
    assert reached({"app.py": "import json", "lib.py": "import app", "template.py": "{{ name }}"}) == {"app.py"}


def test_a_module_that_counts_and_does_not_parse_is_named_with_its_line() -> None:
    with pytest.raises(PackagingFailed, match=r"lib\.py:2 does not parse"):
        reached({"app.py": "import lib", "lib.py": "x = 1\ndef :"})


def test_an_extension_leads_to_the_modules_that_its_bytes_name() -> None:
    files = {
        "app.py": b"import pack._rust",
        "pack/__init__.py": b"",
        "pack/_rust.abi3.so": b"\x7fELF..pack.latehello\0_backend\0..wordy",
        "pack/late.py": b"",
        "pack/never.py": b"",
        "_backend.so": b"",
        "word.py": b"",  # within another word
    }

    found = reachable(files, ("app",))

    assert found == {"app.py", "pack/__init__.py", "pack/_rust.abi3.so", "pack/late.py", "_backend.so"}


def test_what_only_builds_wheels_is_left_out_though_an_extension_names_it() -> None:
    files = {
        "app.py": b"import _cffi_backend",
        "_cffi_backend.so": b"\0cffi\0",
        "cffi/__init__.py": b"import pycparser",
    }

    assert reachable(files, ("app",)) == {"app.py", "_cffi_backend.so"}
