"""Key-encryption keys: three places they may live, one small interface.

    file:///path/kek.json                          a key file of mode 0600
    aws-kms://<region>/<key id, ARN or alias>      AWS KMS (boto3)
    vault://<host:port>/<mount>/<key>              HashiCorp Vault, transit engine (hvac); VAULT_TOKEN

`?endpoint=http://...` points the AWS client elsewhere; `vault+http://` speaks without TLS.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, unquote, urlsplit

# Seconds. Callers may hold a transaction while they wait: long enough for a slow key service, short enough
# not to pin a database connection.
CONNECT_TIMEOUT, READ_TIMEOUT = 2, 5


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key under a key-encryption key."""

    blob: bytes
    kek_id: str  # which key-encryption key (and version of it)


@dataclass(frozen=True, slots=True)
class Context:
    """What a wrapped key is bound to: unwrapping it under another context fails."""

    tenant_id: str
    owner: str

    def as_dict(self) -> dict[str, str]:
        return {"tenant": self.tenant_id, "owner": self.owner}


class KeyWrapper(Protocol):
    """Every method may raise KekUnavailable (retry) or KekRefused (tell the operator)."""

    def current(self) -> str:
        """The id under which `wrap` wraps now. A stored key with another id is due for re-wrapping."""

    def wrap(self, key: bytes, context: Context) -> Wrapped: ...

    def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        """BoxTampered when the blob was altered or belongs to another context."""

    def rewrap(self, wrapped: Wrapped, context: Context) -> Wrapped:
        """The same data key under the current key-encryption key."""


def from_url(url: str) -> KeyWrapper:
    """The wrapper a setting names. Clients are imported here, so that only their users pay for them."""
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    match parts.scheme:
        case "file":
            from kyc.vault.wrappers.local import LocalKeyFile

            return LocalKeyFile(Path(unquote(parts.path)), create=options.get("create") == "1")
        case "aws-kms":
            from kyc.vault.wrappers.kms import AwsKms

            return AwsKms(unquote(parts.path.lstrip("/")), region=parts.netloc, endpoint=options.get("endpoint"))
        case "vault" | "vault+http":
            from kyc.vault.wrappers.transit import VaultTransit

            mount, _, name = parts.path.strip("/").rpartition("/")
            scheme = "https" if parts.scheme == "vault" else "http"
            return VaultTransit(f"{scheme}://{parts.netloc}", mount=mount or "transit", name=name)
    raise ValueError(f"unknown key wrapper {parts.scheme!r}: use file, aws-kms or vault")
