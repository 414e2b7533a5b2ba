# ruff: noqa: S302 - what is loaded was compiled here

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
from typing import Any

import pytest

from devtool import bytecode

SOURCE = b'def f(x):\n    """Say."""\n    assert x\n    return x in {"a", "b", None, 1}\n'


def test_the_bytecode_is_of_this_python_and_by_a_hash_that_nobody_checks() -> None:
    made = bytecode.compiled("chalicelib/m.py", SOURCE)

    assert made[:4] == importlib.util.MAGIC_NUMBER
    assert made[4:8] == b"\x01\x00\x00\x00"
    assert made[8:16] == importlib.util.source_hash(SOURCE)


def test_a_traceback_names_the_file_as_it_lies_in_lambda() -> None:
    code = marshal.loads(bytecode.compiled("chalicelib/m.py", SOURCE)[16:])

    assert code.co_filename == "/var/task/chalicelib/m.py"
    assert [const.co_filename for const in code.co_consts if hasattr(const, "co_filename")] == [code.co_filename]


def test_docstrings_and_asserts_stay() -> None:
    space: dict[str, Any] = {}
    exec(marshal.loads(bytecode.compiled("m.py", SOURCE)[16:]), space)  # noqa: S102 - compiled above

    assert space["f"].__doc__ == "Say."
    with pytest.raises(AssertionError):
        space["f"](0)


def test_it_is_a_program_that_gives_the_same_bytes_in_every_interpreter() -> None:
    given = marshal.dumps([("a.py", SOURCE), ("b.py", SOURCE)])

    made = [
        subprocess.run(
            [sys.executable, "-S", bytecode.__file__],
            input=given,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    ]

    assert len(set(made)) == 1
    assert len(marshal.loads(made[0])) == 2
