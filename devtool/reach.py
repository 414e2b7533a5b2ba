"""Which modules of a package can be imported at all: told from the code itself, so that no list of them rots."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from devtool.errors import PackagingFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# They read C declarations while somebody builds a wheel. `cryptography` needs `_cffi_backend` alone, which is a module
# of its own, and names `cffi` for a mode that nobody uses here.
BUILD_ONLY = ("cffi", "pycparser")


def modules(files: Mapping[str, bytes]) -> dict[str, str]:
    """Name the modules among the files: dotted name → file. A library of C's (`x.libs/liby.so`) is none."""
    found: dict[str, str] = {}
    for file in sorted(files):
        path, _, last = file.rpartition("/")
        if not last.endswith((".py", ".so")):
            continue
        parts = [*path.split("/"), last.partition(".")[0]] if path else [last.partition(".")[0]]
        if parts[-1] == "__init__":
            parts.pop()
        if parts and all(part.isidentifier() for part in parts):
            found[".".join(parts)] = file
    return found


def reachable(files: Mapping[str, bytes], entries: tuple[str, ...]) -> set[str]:
    """Return the files of the modules that an import may lead to from the entries: more than will be, and never less.

    An import counts wherever it stands: in a function, under a condition, as a dotted name in a text. An extension
    leads to every module whose name is in its bytes: cryptography's asks for its Python modules by name, late.
    Raises PackagingFailed where a module that counts does not parse.
    """
    known = modules(files)
    pending = [name for name in known if name.partition(".")[0] in entries]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or name not in known or name.partition(".")[0] in BUILD_ONLY:
            continue
        seen.add(name)
        content = files[known[name]]
        names = _said(name, known[name], content) if known[name].endswith(".py") else _mentioned(content, known)
        for said in names:
            parts = said.split(".")
            pending += [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return {known[name] for name in seen}


def _said(module: str, file: str, source: bytes) -> Iterator[str]:
    """Tell every dotted name that a source may import."""
    try:
        tree = ast.parse(source, file)
    except SyntaxError as error:
        raise PackagingFailed(f"{file}:{error.lineno} does not parse: {error.msg}") from error
    package = module if file.endswith("/__init__.py") else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(package, node)
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            yield node.value


def _absolute(package: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")
    parents = parents[: len(parents) - node.level + 1]
    return ".".join([*parents, node.module] if node.module else parents)


def _mentioned(binary: bytes, known: Mapping[str, str]) -> Iterator[str]:
    """Tell the modules whose names an extension holds: a dotted name anywhere, a plain word as a text of C's."""
    for name in known:
        text = name.encode() if "." in name else b"\0%s\0" % name.encode()
        if text in binary:
            yield name
