"""Untrusted bytes → the body's struct, or one clear error that names the field and the rule and repeats no value."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec.structs import asdict

from chalicelib.errors import BodyTooLarge, InvalidBody, InvalidParameter
from chalicelib.intake.bodies import (
    DEEPEST_EXTRA,
    LARGEST_BODY,
    LARGEST_EXTRA,
    LONGEST_LIFE,
    LONGEST_RECEIPT,
    HandIn,
    ImportIn,
    PolicyIn,
    ProviderIn,
    RejectedIn,
    RevocationIn,
    TicketIn,
    TokenIn,
    VerifyIn,
)
from chalicelib.intake.secret_texts import SHORTEST_SECRET, names_a_secret
from chalicelib.model import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

B = TypeVar("B", bound=msgspec.Struct)

LONGEST_IDEMPOTENCY_KEY = 255
LONGEST_SHOWN_NAME = 32

_canonical = msgspec.json.Encoder(order="deterministic")

# What members are that were left out; of a required one, what it never is.
_OF_TOKEN = asdict(TokenIn(access_token=""))
_OF_BODY = asdict(HandIn(subject="", provider="", token=TokenIn(access_token="")))

_AT = r"^(?P<rule>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?$"
_UNKNOWN = r"^Object contains unknown field `(?P<name>.*?)`(?: - at `\$(?P<path>.*)`)?$"
_MISSING = r"^Object missing required field `(?P<name>.*)`$"
_SHOWABLE = rf"[A-Za-z_\-]{{1,{LONGEST_SHOWN_NAME}}}"
"""An unknown member's name comes from outside and could be a secret put in the wrong place, which has digits in it."""

_OUR_PATHS = r"(?:\.token|\.credential|\.limits|\.body|\.body\.token|\.within|\.statements\[\d+\])?"
"""Where a member can be unknown. A crafted name can look like a path: only these are shown."""


def read_hand_in(raw: bytes, *, idempotency_key: str | None = None) -> HandIn:
    """Return the body of `POST /tokens`. Raises BodyTooLarge, InvalidBody, or InvalidParameter for a secret key."""
    body = read(raw, HandIn)
    if idempotency_key is not None and any(secret in idempotency_key for secret in _secrets(body.token)):
        rule = "it is no secret and must not repeat the token"  # its hash is the job's id
        raise InvalidParameter(f"Idempotency-Key: {rule}", field="Idempotency-Key", rule=rule)
    _check(body)
    return body


def read_verify(raw: bytes) -> VerifyIn:
    """Return the body of `POST /receipts/verify`. Raises BodyTooLarge, InvalidBody, as `read_hand_in` does.

    It is as large as what it holds: a body that could be handed in, and a receipt.
    """
    asked = read(raw, VerifyIn, LARGEST_BODY + 2 * LONGEST_RECEIPT)
    _check(asked.body)
    return asked


def read_ticket(raw: bytes) -> TicketIn:
    """Return the body of `POST /tickets`; none at all asks for all that is the caller's."""
    body = read(raw or b"{}", TicketIn)
    if body.subject is not None and body.job is not None:
        raise _invalid("job", "a ticket is for a subject or for a job, not for both")
    if body.subject is not None:
        _check_name("subject", body.subject, names.subject_fault)
    return body


def read_provider(raw: bytes) -> ProviderIn:
    """Return the body of `PUT /providers/{name}`. Its addresses are not looked at yet."""
    from chalicelib.intake.provider_rules import provider_fault  # noqa: PLC0415  one route's

    body = read(raw, ProviderIn)
    if fault := provider_fault(body):
        raise _invalid(*fault)
    return body


def read_policy(raw: bytes) -> PolicyIn:
    """Return the body of `PUT /policies/{group}`. What it says is not looked at yet."""
    return read(raw, PolicyIn)


def read_rejected(raw: bytes) -> RejectedIn:
    """Return the body of `POST /tokens/{token_id}/rejected`. Raises BodyTooLarge, InvalidBody."""
    return read(raw, RejectedIn)


def read_revocation(raw: bytes) -> RevocationIn:
    """Return the body of `POST /revocations`. Raises BodyTooLarge, InvalidBody."""
    return read(raw, RevocationIn)


def read_import(raw: bytes) -> ImportIn:
    """Return the body of `POST /imports` that names a file."""
    return read(raw, ImportIn)


def read_idempotency_key(header: str | None) -> str | None:
    """Return the `Idempotency-Key`, or None without one. Raises InvalidParameter."""
    if header is None:
        return None
    if not 0 < len(header) <= LONGEST_IDEMPOTENCY_KEY or not header.isprintable():
        rule = f"1 to {LONGEST_IDEMPOTENCY_KEY} printable characters"
        raise InvalidParameter(f"Idempotency-Key: {rule}", field="Idempotency-Key", rule=rule)
    return header


def canonical(body: HandIn) -> bytes:
    """Return the same bytes for the same body, whatever its spacing and the order of its members.

    Its keyed hash is stored: these bytes are a contract with later versions. Members that have their default are left
    out, so that a new optional one changes nothing for the bodies of before.
    """
    given = _given(body, _OF_BODY)
    given["token"] = _given(body.token, _OF_TOKEN)
    return _canonical.encode(given)


def _given(struct: msgspec.Struct, defaults: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in asdict(struct).items() if value != defaults[name]}


def read(raw: bytes, body: type[B], largest: int = LARGEST_BODY) -> B:
    """Return a body of this kind. Raises BodyTooLarge, InvalidBody naming the field and the rule."""
    if len(raw) > largest:
        raise BodyTooLarge(f"at most {largest} bytes", limit=largest)
    try:
        found: B = _decoder(body).decode(raw)
    except msgspec.ValidationError as error:
        raise _translated(str(error)) from None
    except msgspec.DecodeError as error:
        # It tells the position of the fault and the character there, never more of the body.
        raise _invalid("", str(error)) from None
    except UnicodeDecodeError:
        raise _invalid("", "JSON in UTF-8") from None
    except RecursionError:
        raise _invalid("", f"at most {DEEPEST_EXTRA} levels deep") from None
    return found


@cache
def _decoder(body: type[B]) -> msgspec.json.Decoder[B]:
    """Return what reads bodies of a kind. Made when it is first asked for: each takes up to a millisecond."""
    return msgspec.json.Decoder(body)


def _translated(message: str) -> InvalidBody:
    """Return msgspec's message as a field and a rule."""
    if unknown := re.match(_UNKNOWN, message, re.DOTALL):
        name, path = unknown["name"], unknown["path"] or ""
        if not re.fullmatch(_OUR_PATHS, path) or not re.fullmatch(_SHOWABLE, name):
            return _invalid("(a name too strange to repeat)", "unknown field")
        return _invalid(_joined(path.lstrip("."), name), "unknown field")
    found = re.match(_AT, message, re.DOTALL)
    rule = found["rule"] if found else message
    path = (found["path"] or "").lstrip(".") if found else ""
    if missing := re.match(_MISSING, rule):
        return _invalid(_joined(path, missing["name"]), "required")
    return _invalid(path, rule)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _invalid(field: str, rule: str) -> InvalidBody:
    return InvalidBody(f"{field}: {rule}" if field else rule, field=field or None, rule=rule)


def _check(body: HandIn) -> None:
    """Check what no pattern can say of a token that is handed in."""
    for name, fault_of in _NAMES:
        _check_name(name, getattr(body, name), fault_of)
    _check_life(body.token)
    _check_extra(body.token)
    _check_metadata(body)
    _check_clear_texts(body)


_NAMES: tuple[tuple[str, Callable[[str], str | None]], ...] = (
    ("subject", names.subject_fault),
    ("provider", names.provider_fault),
    ("environment", names.environment_fault),
    ("domain", names.domain_fault),
)


def _check_name(field: str, value: str, fault_of: Callable[[str], str | None]) -> None:
    if fault := fault_of(value):
        raise _invalid(field, fault)


def _check_life(token: TokenIn) -> None:
    if token.expires_in is not None and int(token.expires_in) > LONGEST_LIFE:
        raise _invalid("token.expires_in", f"at most {LONGEST_LIFE} seconds")


def _check_extra(token: TokenIn) -> None:
    if token.extra is None:
        return
    if _deeper_than(token.extra, DEEPEST_EXTRA):
        raise _invalid("token.extra", f"at most {DEEPEST_EXTRA} levels deep")
    if len(msgspec.json.encode(token.extra)) > LARGEST_EXTRA:
        raise _invalid("token.extra", f"at most {LARGEST_EXTRA} bytes of JSON")


def _deeper_than(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(part, levels - 1) for part in inner)


def _check_metadata(body: HandIn) -> None:
    for name, value in body.metadata.items():
        if not name.isprintable() or not value.isprintable():
            raise _invalid("metadata", "names and values are printable")


def _check_clear_texts(body: HandIn) -> None:
    """Refuse a body that repeats a token where texts are kept in the clear: logs, keys and records would show it."""
    clear = [
        ("subject", body.subject),
        ("provider", body.provider),
        ("environment", body.environment),
        ("domain", body.domain),
        ("token.token_type", body.token.token_type or ""),
        ("token.scope", body.token.scope or ""),
        *[("metadata", text) for entry in body.metadata.items() for text in entry],
    ]
    together = "\n".join([text for _, text in clear])
    secrets = [secret for secret in _secrets(body.token) if secret in together]
    if not secrets:  # what is not in all of them together is in none: the usual case, and soon told
        return
    for field, text in clear:
        if any(secret in text for secret in secrets):
            raise _invalid(field, "it is kept in the clear and must not repeat the token")


def _secrets(token: TokenIn) -> tuple[str, ...]:
    texts = [token.access_token, token.refresh_token, token.id_token]
    if token.extra is not None:
        texts += _secrets_in(token.extra)
    return tuple([text for text in texts if text and len(text) >= SHORTEST_SECRET])


def _secrets_in(value: object, name: str = "") -> Iterator[str]:
    """Yield the texts of `extra` whose member's name says that they are secret; addresses and ids may be repeated."""
    if isinstance(value, str) and names_a_secret(name):
        yield value
    elif isinstance(value, dict):
        for inner, part in value.items():
            yield from _secrets_in(part, inner)
    elif isinstance(value, list):
        for part in value:
            yield from _secrets_in(part, name)
