"""User pools of Cognito: people who sign in with a password, and the tokens that they are given.

They are a local cloud's of their own, which is lent what it signs by. The stack's own has no such module, for its
functions would find it there, too; without it the local cloud's Cognito publishes a dummy key and signs random bytes.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devtool import environment
from devtool.testing import bare_emulator
from tests.stack.http import unique

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "Correct-Horse-7"


@dataclass(frozen=True, kw_only=True)
class Pool:
    endpoint: str
    pool_id: str
    client_id: str

    @property
    def issuer(self) -> str:
        """Return the `iss` of its tokens: AWS's own address, whoever stands in for it."""
        return f"https://cognito-idp.{self.pool_id.partition('_')[0]}.amazonaws.com/{self.pool_id}"

    @property
    def discovery_url(self) -> str:
        return f"{self.endpoint}/{self.pool_id}/.well-known/openid-configuration"

    def signed_in(self, *groups: str, client_id: str | None = None) -> dict[str, str]:
        """Return what a new user of these groups is given: an `access` and an `id` token, and its `sub`."""
        cognito, name = _cognito(self.endpoint), unique("user")
        made = cognito.admin_create_user(UserPoolId=self.pool_id, Username=name)["User"]
        cognito.admin_set_user_password(UserPoolId=self.pool_id, Username=name, Password=PASSWORD, Permanent=True)
        for group in groups:
            cognito.admin_add_user_to_group(UserPoolId=self.pool_id, Username=name, GroupName=group)
        given = cognito.initiate_auth(
            ClientId=client_id or self.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        (sub,) = [attribute["Value"] for attribute in made["Attributes"] if attribute["Name"] == "sub"]
        return {"access": given["AccessToken"], "id": given["IdToken"], "sub": sub}

    def another_client(self) -> str:
        return _client(self.endpoint, self.pool_id)


@contextmanager
def user_pools() -> Iterator[str]:
    """Start a local cloud whose Cognito signs; give its address."""
    with bare_emulator(enforce_iam=True, modules=("cryptography", "_cffi_backend")) as engine:
        yield engine.endpoint


def make_pool(endpoint: str, *groups: str) -> Pool:
    """Make a pool with these groups and a client that may sign in by password."""
    cognito = _cognito(endpoint)
    pool_id = cognito.create_user_pool(PoolName=unique("pool"))["UserPool"]["Id"]
    for group in groups:
        cognito.create_group(UserPoolId=pool_id, GroupName=group)
    return Pool(endpoint=endpoint, pool_id=pool_id, client_id=_client(endpoint, pool_id))


def _cognito(endpoint: str) -> Any:
    return environment.client("cognito-idp", endpoint)


def _client(endpoint: str, pool_id: str) -> str:
    made = _cognito(endpoint).create_user_pool_client(
        UserPoolId=pool_id, ClientName=unique("client"), ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )
    return str(made["UserPoolClient"]["ClientId"])
