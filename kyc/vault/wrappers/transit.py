"""Key-encryption key in HashiCorp Vault's transit engine (key type aes256-gcm96)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from functools import cached_property
from typing import Any

import hvac
import requests
from hvac.exceptions import InternalServerError, InvalidRequest, RateLimitExceeded, VaultDown, VaultError

from kyc.vault.errors import BoxTampered, KekRefused, KekUnavailable
from kyc.vault.wrappers import CONNECT_TIMEOUT, READ_TIMEOUT, Context, Wrapped


class VaultTransit:
    def __init__(self, url: str, *, mount: str, name: str, token: str | None = None):
        """`token` default: VAULT_TOKEN. It needs update on encrypt/ and decrypt/, read on keys/."""
        self._url, self._mount, self._name = url, mount, name
        self._token = token or os.environ.get("VAULT_TOKEN", "")

    @cached_property
    def _client(self) -> hvac.Client:
        return hvac.Client(url=self._url, token=self._token, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT))

    def current(self) -> str:
        answer = self._call(self._client.secrets.transit.read_key, name=self._name)
        return self._kek_id(f"v{answer['data']['latest_version']}")

    def wrap(self, key: bytes, context: Context) -> Wrapped:
        answer = self._call(
            self._client.secrets.transit.encrypt_data,
            name=self._name,
            plaintext=base64.b64encode(key).decode(),
            associated_data=_bound_to(context),
        )
        text = answer["data"]["ciphertext"]  # "vault:v3:<base64>"
        return Wrapped(text.encode("ascii"), self._kek_id(text.split(":")[1]))

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        answer = self._call(
            self._client.secrets.transit.decrypt_data,
            name=self._name,
            ciphertext=wrapped.blob.decode("ascii", "replace"),
            associated_data=_bound_to(context),
        )
        return base64.b64decode(answer["data"]["plaintext"])

    def rewrap(self, wrapped: Wrapped, context: Context) -> Wrapped:
        """Unwrap and wrap: transit's own `rewrap` takes no associated data, and we want it bound."""
        return self.wrap(self.unwrap(wrapped, context), context)

    def _kek_id(self, version: str) -> str:
        return f"{self._mount}/{self._name}:{version}"

    def _call(self, verb: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return verb(mount_point=self._mount, **arguments)
        except InvalidRequest as e:
            raise _bad_request(e) from e
        except (VaultDown, RateLimitExceeded, InternalServerError) as e:
            raise KekUnavailable(f"Vault is not able to answer: {type(e).__name__}.") from e
        except VaultError as e:
            raise KekRefused(f"Vault refused: {type(e).__name__}.") from e
        except requests.RequestException as e:
            raise KekUnavailable(f"Vault cannot be reached: {type(e).__name__}.") from e


def _bound_to(context: Context) -> str:
    text = json.dumps(context.as_dict(), sort_keys=True, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()


def _bad_request(e: InvalidRequest) -> Exception:
    """Transit answers 400 both for a failed tag ("message authentication failed") and for a wrong request."""
    words = " ".join(map(str, e.errors or [e.text or ""]))
    if "authentication failed" in words or "invalid ciphertext" in words:
        return BoxTampered()
    return KekRefused("Vault refused: the request is not valid for this key.")
