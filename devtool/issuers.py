"""`./dev issuers FILE`: check what ISSUERS shall be before it is deployed. A setting that is wrong denies everybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib.admit.issuers import read_issuers, short_form, unique
from devtool.errors import DevError

if TYPE_CHECKING:
    from pathlib import Path


def checked(file: Path, jwt_issuer: str | None) -> str:
    """Return the file's issuers on one line, as the parameter `Issuers` takes them. Raises Misconfigured, DevError.

    `jwt_issuer` is the issuer of the short form that they shall stand beside, if there is one.
    """
    try:
        items = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=unique)
    except OSError as error:
        raise DevError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DevError(f"{file} is no JSON: {error}") from error
    line = json.dumps(items, separators=(",", ":"), ensure_ascii=False)
    short = None
    if jwt_issuer is not None:
        nowhere = "https://issuer.invalid/"
        short = short_form(issuer=jwt_issuer, audience="any", jwks_url=nowhere, groups_claim="groups")
    read_issuers(line, short)
    return line
