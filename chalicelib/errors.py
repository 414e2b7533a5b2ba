"""Everything that can be refused or can fail, as one tree.

A class's docstring is the sentence that the caller reads; `code` is stable and part of the contract.
HTTP statuses stand in `chalicelib.web.problems` alone, looked up through the class's MRO.
"""

from __future__ import annotations

from typing import ClassVar


class CloakroomError(Exception):
    """Something went wrong on our side."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str = "", /, **facts: object) -> None:
        """Say what happened in `detail`; `facts` become members of the problem document. Never a secret."""
        super().__init__(detail or (type(self).__doc__ or "").strip())
        self.detail = str(self)
        self.facts = facts
        self.concerns: object = None
        """The token that it is about, for the audit alone: no answer and no log line shows it."""


# What the caller can mend -----------------------------------------------------------------------------


class Refused(CloakroomError):
    """The request cannot be carried out as it stands."""

    code = "refused"


class InvalidBody(Refused):
    """The body does not have the documented form."""

    code = "invalid_body"


class InvalidParameter(Refused):
    """A parameter does not have the documented form."""

    code = "invalid_parameter"


class BodyTooLarge(Refused):
    """The body is larger than the documented limit."""

    code = "body_too_large"


class HeadersTooLarge(Refused):
    """The request's headers and query are larger than the documented limit."""

    code = "headers_too_large"


class WrongMediaType(Refused):
    """The body must be JSON, and say so."""

    code = "unsupported_media_type"


class IdempotencyKeyReused(Refused):
    """This Idempotency-Key was used with another body."""

    code = "idempotency_key_reused"


class NotFound(Refused):
    """There is no such thing, or it is not yours to see."""

    code = "not_found"


class FileMissing(NotFound):
    """The file is not there. Ask POST /uploads for an address, send the file to it in time, then import it."""

    code = "file_missing"


class FileChanged(Refused):
    """The file was replaced after its import was accepted. Send it again as another upload, and import that."""

    code = "file_changed"


class TooManyLines(Refused):
    """The file has more than 100,000 lines. Nothing was stored: import it in parts."""

    code = "too_many_lines"


class Unauthorized(Refused):
    """The bearer token is no longer valid."""

    code = "unauthorized"


class Forbidden(Refused):
    """This is not allowed."""

    code = "forbidden"


class OutsideLimits(Forbidden):
    """This lies outside the environments, domains and providers that your groups' policies are limited to."""

    code = "outside_limits"


class WouldLockOut(Refused):
    """This would end your own access. Let another administrator do it, or an operator from the command line."""

    code = "would_lock_out"


class TooShortLived(Refused):
    """The token is good, but not for as long as `min_ttl` asks."""

    code = "token_too_short_lived"


class IllegalTransition(Refused):
    """The job is in a state that does not allow this."""

    code = "illegal_transition"


class NotRefreshable(Refused):
    """The token cannot be refreshed: it has no refresh token, or nobody has configured its provider."""

    code = "not_refreshable"


class Gone(Refused):
    """The token can no longer be collected."""

    code = "gone"


class TokenExpired(Gone):
    """The token has expired."""

    code = "token_expired"


class TokenRevoked(Gone):
    """The token was deleted."""

    code = "token_revoked"


class AddressRefused(Refused):
    """This address may not be called from here."""

    code = "address_refused"


class DiscoveryFailed(Refused):
    """The provider's discovery document cannot be used."""

    code = "discovery_failed"


class NeedsReauth(Gone):
    """The token can no longer be refreshed: the customer has to log in again."""

    code = "token_needs_reauth"


class BadTicket(Refused):
    """The ticket is unknown, used or past its 60 seconds."""

    code = "bad_ticket"


# What only time or an operator can mend ---------------------------------------------------------------


class Unavailable(CloakroomError):
    """A service that this one depends on did not answer. Send the request again shortly, with its Idempotency-Key."""

    code = "unavailable"

    def __init__(self, detail: str = "", /, *, retry_after: int = 0, **facts: object) -> None:
        """`retry_after` is what the other side asked for, in seconds; 0 where it said nothing."""
        super().__init__(detail, **facts)
        self.retry_after = retry_after


class AccessUnknown(Unavailable):
    """Whether this access was revoked cannot be told at this moment. Send the request again shortly."""

    code = "access_unknown"


class Throttled(Unavailable):
    """The table is taking no more requests at this moment. Try again shortly."""

    code = "throttled"


class NotSent(Unavailable):
    """The provider could not be reached. Nothing of the request left us."""

    code = "not_sent"


class AnswerLost(Unavailable):
    """The provider did not answer as it should. It may have carried the request out."""

    code = "answer_lost"


class AnswerTooLarge(AnswerLost):
    """The provider's answer is larger than this service reads. It may have carried the request out."""

    code = "answer_too_large"


class NoTurn(Throttled):
    """The provider is asked as often as it bears at this moment."""

    code = "provider_limit"


class LeaseLost(CloakroomError):
    """The job is no longer this attempt's: its lease ran out, or it was cancelled or ended."""

    code = "lease_lost"


class NoSocketYet(Unavailable):
    """This deployment has no WebSocket yet, so that a ticket would open nothing."""

    code = "no_socket_yet"


class Conflict(CloakroomError):
    """Another writer was first."""

    code = "conflict"


class SealBroken(CloakroomError):
    """A sealed secret does not open: it was altered, moved to another record, or its key is gone."""

    code = "seal_broken"


class KeyGone(SealBroken):
    """The key that sealed this was shredded: it never opens again."""

    code = "key_gone"


class Misconfigured(CloakroomError):
    """The service is not set up as it should be. Its operator has to mend that."""

    code = "misconfigured"


class Unreadable(CloakroomError):
    """A stream record, queue message or stored item does not have the form that this version writes."""

    code = "unreadable"
