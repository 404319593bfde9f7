"""Key-encryption key in AWS KMS. The key never leaves it; the encryption context appears in CloudTrail."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kyc.vault.errors import BoxTampered, KekRefused, KekUnavailable
from kyc.vault.wrappers import CONNECT_TIMEOUT, READ_TIMEOUT, Context, Wrapped

# KMS error codes (AWS KMS API reference, "Common errors" and those of Encrypt / Decrypt / ReEncrypt)
TAMPERED = {"InvalidCiphertextException", "IncorrectKeyException"}
PASSING = {
    "ThrottlingException",
    "DependencyTimeoutException",
    "KMSInternalException",
    "KeyUnavailableException",
    "LimitExceededException",
    "RequestLimitExceeded",
    "InternalFailure",
    "ServiceUnavailable",
}


class AwsKms:
    def __init__(self, key: str, *, region: str, endpoint: str | None = None):
        """`key`: id, ARN or alias. Credentials come from boto3's own chain."""
        self._key, self._region, self._endpoint = key, region, endpoint

    @cached_property
    def _client(self) -> Any:
        return boto3.client(
            "kms",
            region_name=self._region or None,
            endpoint_url=self._endpoint,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                retries={"total_max_attempts": 3, "mode": "standard"},
            ),
        )

    @cached_property
    def _arn(self) -> str:
        return self._call("describe_key", KeyId=self._key)["KeyMetadata"]["Arn"]

    def current(self) -> str:
        return self._arn

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        answer = self._call("encrypt", KeyId=self._key, Plaintext=key, EncryptionContext=context.as_dict())
        return Wrapped(answer["CiphertextBlob"], answer["KeyId"])

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        answer = self._call(
            "decrypt", CiphertextBlob=wrapped.blob, KeyId=wrapped.kek_id, EncryptionContext=context.as_dict()
        )
        return answer["Plaintext"]

    def rewrap(self, wrapped: Wrapped, context: Context) -> Wrapped:
        """Inside KMS: the data key is not seen by this process."""
        bound = context.as_dict()
        answer = self._call(
            "re_encrypt",
            CiphertextBlob=wrapped.blob,
            SourceKeyId=wrapped.kek_id,
            SourceEncryptionContext=bound,
            DestinationKeyId=self._key,
            DestinationEncryptionContext=bound,
        )
        return Wrapped(answer["CiphertextBlob"], answer["KeyId"])

    def _call(self, verb: str, **arguments: Any) -> Any:
        call: Callable[..., Any] = getattr(self._client, verb)
        try:
            return call(**arguments)
        except ClientError as e:
            raise _translate(e) from e
        except BotoCoreError as e:
            raise KekUnavailable(f"AWS KMS cannot be reached: {type(e).__name__}.") from e


def _translate(e: ClientError) -> Exception:
    code = e.response.get("Error", {}).get("Code", "")
    status = e.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in TAMPERED:
        return BoxTampered()
    if code in PASSING or status >= 500:
        return KekUnavailable(f"AWS KMS is not able to answer: {code}.")
    return KekRefused(f"AWS KMS refused: {code}.")
