"""Small local servers that speak the real wire protocols of services which cannot run here.

The real clients talk to them: boto3 to KMS and S3, hvac to Vault's transit engine. Each keeps its state in memory
and counts or breaks calls as a test asks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class Double:
    """What every double has: `calls` in order, and `failing`, a (status, body) to answer instead."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.failing: tuple[int, bytes] | None = None
        self.url = ""

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        raise NotImplementedError


@contextmanager
def serving(double: Any) -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self._body()
            if double.failing:
                status, payload = double.failing
                headers: dict[str, str] = {}
            else:
                status, headers, payload = double.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(payload)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(payload)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                return b"".join(self._chunks())
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _chunks(self) -> Iterator[bytes]:
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = respond

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Kms(Double):
    """AWS KMS, JSON 1.1: DescribeKey, Encrypt, Decrypt, ReEncrypt. Refuses unsigned requests."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, bytes] = {}
        self.aliases: dict[str, str] = {}
        self.disabled: set[str] = set()

    def create_key(self, alias: str) -> str:
        arn = f"arn:aws:kms:eu-central-1:000000000000:key/{os.urandom(8).hex()}"
        self.keys[arn], self.aliases[alias] = os.urandom(32), arn
        return arn

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        verb = headers["X-Amz-Target"].split(".")[1]
        self.calls.append(verb)
        if not headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256"):
            return self._error(400, "MissingAuthenticationTokenException")
        try:
            reply = getattr(self, "_" + verb)(json.loads(body))
        except KeyError:
            return self._error(400, "NotFoundException")
        except PermissionError:
            return self._error(400, "DisabledException")
        except (InvalidTag, ValueError):
            return self._error(400, "InvalidCiphertextException")
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(reply).encode()

    def _error(self, status: int, code: str) -> tuple[int, dict[str, str], bytes]:
        return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"__type": code}).encode()

    def _find(self, key: str) -> str:
        arn = self.aliases.get(key, key)
        if arn in self.disabled:
            raise PermissionError
        self.keys[arn]
        return arn

    def _DescribeKey(self, q: dict[str, Any]) -> dict[str, Any]:
        return {"KeyMetadata": {"KeyId": "k", "Arn": self._find(q["KeyId"])}}

    def _Encrypt(self, q: dict[str, Any]) -> dict[str, Any]:
        arn = self._find(q["KeyId"])
        blob = self._seal(arn, base64.b64decode(q["Plaintext"]), q.get("EncryptionContext"))
        return {"CiphertextBlob": base64.b64encode(blob).decode(), "KeyId": arn}

    def _Decrypt(self, q: dict[str, Any]) -> dict[str, Any]:
        blob = base64.b64decode(q["CiphertextBlob"])
        arn, plain = self._open(self._find(q["KeyId"]), blob, q.get("EncryptionContext"))
        return {"Plaintext": base64.b64encode(plain).decode(), "KeyId": arn}

    def _ReEncrypt(self, q: dict[str, Any]) -> dict[str, Any]:
        blob = base64.b64decode(q["CiphertextBlob"])
        source, plain = self._open(self._find(q["SourceKeyId"]), blob, q.get("SourceEncryptionContext"))
        arn = self._find(q["DestinationKeyId"])
        new = self._seal(arn, plain, q.get("DestinationEncryptionContext"))
        return {"CiphertextBlob": base64.b64encode(new).decode(), "KeyId": arn, "SourceKeyId": source}

    def _seal(self, arn: str, plain: bytes, context: Any) -> bytes:
        nonce = os.urandom(12)
        return nonce + AESGCM(self.keys[arn]).encrypt(nonce, plain, json.dumps(context, sort_keys=True).encode())

    def _open(self, arn: str, blob: bytes, context: Any) -> tuple[str, bytes]:
        bound = json.dumps(context, sort_keys=True).encode()
        return arn, AESGCM(self.keys[arn]).decrypt(blob[:12], blob[12:], bound)


class Transit(Double):
    """HashiCorp Vault's transit engine: read key, encrypt, decrypt, with associated data and key versions."""

    def __init__(self, token: str = "t0ken") -> None:
        super().__init__()
        self.token = token
        self.versions: list[bytes] = [os.urandom(32)]

    def rotate(self) -> None:
        self.versions.append(os.urandom(32))

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.calls.append(f"{method} {target}")
        if headers.get("X-Vault-Token") != self.token:
            return self._json(403, {"errors": ["permission denied"]})
        match target.split("/")[1:]:
            case ["v1", "transit", "keys", _]:
                return self._json(200, {"data": {"type": "aes256-gcm96", "latest_version": len(self.versions)}})
            case ["v1", "transit", "encrypt", _]:
                return self._json(200, {"data": {"ciphertext": self._seal(json.loads(body))}})
            case ["v1", "transit", "decrypt", _]:
                try:
                    return self._json(200, {"data": {"plaintext": self._open(json.loads(body))}})
                except InvalidTag:
                    return self._json(400, {"errors": ["cipher: message authentication failed"]})
                except ValueError:
                    return self._json(400, {"errors": ["invalid ciphertext: no prefix"]})
        return self._json(404, {"errors": []})

    def _json(self, status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
        return status, {"Content-Type": "application/json"}, json.dumps(value).encode()

    def _seal(self, q: dict[str, Any]) -> str:
        nonce = os.urandom(12)
        plain, bound = base64.b64decode(q["plaintext"]), base64.b64decode(q.get("associated_data", ""))
        blob = nonce + AESGCM(self.versions[-1]).encrypt(nonce, plain, bound)
        return f"vault:v{len(self.versions)}:{base64.b64encode(blob).decode()}"

    def _open(self, q: dict[str, Any]) -> str:
        _, version, text = q["ciphertext"].split(":")
        blob, bound = base64.b64decode(text), base64.b64decode(q.get("associated_data", ""))
        plain = AESGCM(self.versions[int(version[1:]) - 1]).decrypt(blob[:12], blob[12:], bound)
        return base64.b64encode(plain).decode()


class S3(Double):
    """Amazon S3, REST: PUT, GET, HEAD, DELETE of objects and ListObjectsV2, path style. Refuses unsigned requests."""

    def __init__(self, bucket: str = "evidence") -> None:
        super().__init__()
        self.bucket = bucket
        self.objects: dict[str, bytes] = {}
        self.headers: dict[str, dict[str, str]] = {}
        self.modified = "2026-01-01T00:00:00.000Z"

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        url = urlsplit(target)
        _, bucket, key = [*unquote(url.path).split("/", 2), ""][:3]
        self.calls.append(f"{method} {key}".strip())
        if "AWS4-HMAC-SHA256" not in headers.get("Authorization", ""):
            return self._error(403, "AccessDenied")
        if bucket != self.bucket:
            return self._error(404, "NoSuchBucket")
        if not key:
            return self._list(parse_qs(url.query))
        return getattr(self, "_" + method)(key, headers, body)

    def _PUT(self, key: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if headers.get("Content-Encoding", "").startswith("aws-chunked"):
            body = _unchunk(body)
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if headers.get("x-amz-checksum-sha256", digest) != digest:
            return self._error(400, "BadDigest")
        if headers.get("If-None-Match") == "*" and key in self.objects:
            return self._error(412, "PreconditionFailed")
        self.objects[key] = body
        self.headers[key] = dict(headers)
        return 200, {"ETag": '"' + hashlib.md5(body, usedforsecurity=False).hexdigest() + '"'}, b""

    def _GET(self, key: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if key not in self.objects:
            return self._error(404, "NoSuchKey")
        return 200, {"Content-Type": "binary/octet-stream"}, self.objects[key]

    def _HEAD(self, key: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if key not in self.objects:
            return 404, {}, b""
        return 200, {"Content-Length": str(len(self.objects[key]))}, b""

    def _DELETE(self, key: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if "x-amz-object-lock-mode" in {name.lower() for name in self.headers.get(key, {})}:
            return self._error(403, "AccessDenied")
        self.objects.pop(key, None)
        return 204, {}, b""

    def _list(self, query: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        prefix, limit = query.get("prefix", [""])[0], 2  # two a page, so that paging is exercised
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        keys = sorted(k for k in self.objects if k.startswith(prefix) and k > after)
        page, more = keys[:limit], len(keys) > limit
        rows = "".join(
            f"<Contents><Key>{k}</Key><LastModified>{self.modified}</LastModified><Size>1</Size></Contents>"
            for k in page
        )
        token = f"<NextContinuationToken>{page[-1]}</NextContinuationToken>" if more else ""
        xml = (
            f"<ListBucketResult><Name>{self.bucket}</Name><KeyCount>{len(page)}</KeyCount>"
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{rows}</ListBucketResult>"
        )
        return 200, {"Content-Type": "application/xml"}, xml.encode()

    def _error(self, status: int, code: str) -> tuple[int, dict[str, str], bytes]:
        return status, {"Content-Type": "application/xml"}, f"<Error><Code>{code}</Code></Error>".encode()


def _unchunk(body: bytes) -> bytes:
    """The payload of an aws-chunked body: size lines, then a trailer."""
    out = b""
    while match := re.match(rb"([0-9a-fA-F]+)[^\r]*\r\n", body):
        size = int(match[1], 16)
        if size == 0:
            break
        out += body[match.end() : match.end() + size]
        body = body[match.end() + size + 2 :]
    return out
