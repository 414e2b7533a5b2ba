"""Compile sources for Lambda: marshalled [(name, source)] on stdin, marshalled [bytecode] on stdout.

A program of its own, of the standard library alone, for a fresh interpreter. What `marshal` writes depends on who else
holds a name at that moment: compiled inside of a process that has done something, the same source gives other bytes.
"""

from __future__ import annotations

import importlib.util
import marshal
import sys

TASK_ROOT = "/var/task/"
"""Where Lambda unpacks the code. With another path the importer walks through all code objects to mend it; and the
builder's own would tell where somebody's checkout lies."""

_UNCHECKED_HASH = (0b01).to_bytes(4, "little")
"""PEP 552: by hash, and not to be checked. A zip's dates say nothing, and what Lambda unpacked never changes: that the
bytecode is its source's own need not be found out at each start."""


def compiled(name: str, source: bytes) -> bytes:
    """Return what belongs into a module's .pyc; raise SyntaxError.

    Asserts and docstrings stay, as in Lambda's interpreter, which runs without -O: a docstring is an error's message.
    """
    code = compile(source, TASK_ROOT + name, "exec", dont_inherit=True, optimize=0)
    head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return head + marshal.dumps(code)


def main() -> None:
    """Compile what comes in, in its order."""
    sources = marshal.loads(sys.stdin.buffer.read())  # noqa: S302 - from the process that started this one
    sys.stdout.buffer.write(marshal.dumps([compiled(name, source) for name, source in sources]))


if __name__ == "__main__":
    main()
