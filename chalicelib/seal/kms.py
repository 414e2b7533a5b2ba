"""KMS as the wrapper of branch keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.aws.errors import answered, named
from chalicelib.errors import SealBroken, Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

_BROKEN = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})
"""KMS's answers that no repetition will change: the key was altered or moved.

A key that is switched off is not among them: it is switched on again."""


class KmsWrapper:
    """Wrap and unwrap by one KMS key. `client` is boto3's or `aws.clients.Kms`: both retry throttling."""

    def __init__(self, client: Any, key_id: str) -> None:
        self._client = client
        self._key_id = key_id

    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Return a new key and its wrapped form. Raises Unavailable when KMS does not answer."""
        answer = self._ask(
            self._client.generate_data_key,
            KeyId=self._key_id,
            KeySpec="AES_256",
            EncryptionContext=dict(context),
        )
        return answer["Plaintext"], answer["CiphertextBlob"]

    def unwrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """Return the key. Raises SealBroken when KMS refuses it for good, Unavailable when it does not answer."""
        answer = self._ask(
            self._client.decrypt,
            KeyId=self._key_id,  # named, or KMS would take any key of the account that the ciphertext names
            CiphertextBlob=wrapped,
            EncryptionContext=dict(context),
        )
        key: bytes = answer["Plaintext"]
        return key

    def _ask(self, call: Any, **arguments: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = call(**arguments)
        except Exception as error:  # noqa: BLE001  `answered` raises again what is not about AWS
            response = answered(error)
            if response is None:
                raise Unavailable(f"KMS did not answer: {named(error)}") from None
            code = response.get("Error", {}).get("Code", "")
            if code in _BROKEN:
                raise SealBroken(f"KMS refused a branch key: {code}") from None
            raise Unavailable(f"KMS answered {code}") from None
        return answer
