"""One issuer that may say who somebody is, and the rules that its tokens' claims are read by.

Several issuers must not speak for each other's people. Whose a principal is, its beginning says: it belongs to the
issuer with the longest `principal_prefix` that it begins with. A token that names a principal of another issuer's is
refused; so the names of two issuers never meet, also where one has no prefix at all. The same holds for groups by
`group_prefix`; where `groups` lists them, the operator has said which count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct, field

from chalicelib.admit.claims import Fault, Path, audiences, found_at, text, words
from chalicelib.model import names
from chalicelib.model.policy import CLAIM_PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

ALGORITHMS: Final = ("RS256", "ES256")

AudienceClaim = Literal["aud", "client_id"]

_NAMEABLE: Final = re.compile(CLAIM_PATTERN)


class Issuer(Struct, frozen=True, kw_only=True):
    """Hold what its operator says of an issuer.

    `name` is its `iss`, letter for letter. Its keys are at `jwks_url`, or where the document at `discovery_url` says.
    `groups` gives our name of each group of theirs that counts; None: all count, each behind `group_prefix`. `claims`
    gives the claims that policies may name, by our names; None: each of the token's, by its own. `foreign_*` are the
    prefixes of others that begin with this one's own: what they begin is not this issuer's to give.
    """

    name: str
    audiences: tuple[str, ...]
    jwks_url: str = ""
    discovery_url: str = ""
    algorithms: tuple[str, ...] = ALGORITHMS
    audience_claim: AudienceClaim = "aud"
    required: Mapping[str, tuple[str | bool, ...]] = field(default_factory=dict)
    claims: Mapping[str, Path] | None = None
    principal_prefix: str = ""
    shares_principals: bool = False
    groups_claim: Path = ("groups",)
    groups: Mapping[str, str] | None = None
    group_prefix: str = ""
    foreign_principals: tuple[str, ...] = ()
    foreign_groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not self.audiences or not all(self.audiences) or not all(self.groups_claim or ("",)):
            raise ValueError("name, audiences and groups_claim must not be empty")
        if not self.algorithms or not set(self.algorithms) <= set(ALGORITHMS):
            raise ValueError(f"algorithms must be some of {', '.join(ALGORITHMS)}")

    def check(self, claims: Mapping[str, Any]) -> None:
        """Raise Fault for a token that is another issuer's, of another kind (`required`) or for somebody else."""
        if claims.get("iss") != self.name:
            raise Fault("issuer")
        for name, allowed in self.required.items():
            value = claims.get(name)
            # 1 is no true: JSON's types are compared, not Python's.
            if not any(type(value) is type(one) and value == one for one in allowed):
                raise Fault("required_claim")
        if not set(self.audiences).intersection(audiences(claims.get(self.audience_claim))):
            raise Fault("audience")
        # Who says in `aud` whom it is for is not overruled by the client that it was made for.
        if "aud" in claims and not set(self.audiences).intersection(audiences(claims["aud"])):
            raise Fault("audience")

    def principal(self, claims: Mapping[str, Any]) -> str:
        """Return our name of the token's subject. Raises Fault for one that would be another issuer's."""
        principal = text(self.principal_prefix + text(claims.get("sub")))
        if principal.startswith(self.foreign_principals):
            raise Fault("principal")
        return principal

    def groups_of(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the groups that count, by our names. Raises Fault for what is no list of groups."""
        theirs = words(found_at(claims, self.groups_claim, []))
        if self.groups is None:
            ours = [self.group_prefix + group for group in theirs]
            ours = [group for group in ours if not group.startswith(self.foreign_groups)]
        else:
            ours = [self.groups[group] for group in theirs if group in self.groups]
        # A group that cannot have a policy is none of ours; issuers list all that a user is in.
        return tuple(dict.fromkeys(group for group in ours if names.group_fault(group) is None))

    def named_claims(self, claims: Mapping[str, Any]) -> dict[str, str]:
        """Return the claims that policies may name: those that are text and could stand in a path.

        What is declared comes from where it was declared to stand, and from nowhere else: a claim of the token that
        happens to bear one of our names is not it.
        """
        if self.claims is None:
            found = dict(claims)
        else:
            found = {name: found_at(claims, path) for name, path in self.claims.items()}
        return {
            name: value
            for name, value in found.items()
            if _NAMEABLE.fullmatch(name) and isinstance(value, str) and names.subject_fault(value) is None
        }
