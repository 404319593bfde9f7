"""Ed25519 verification (RFC 8032) for machines without the `cryptography` package: an examiner's laptop.

Only verification: it handles nothing secret, so that time and branches may depend on the data. Slow (some
milliseconds a signature) and used only where the library is absent.
"""

from __future__ import annotations

from hashlib import sha512

P = 2**255 - 19  # RFC 8032, section 5.1: the field,
L = 2**252 + 27742317777372353535851937790883648493  # the order of the base point,
D = -121665 * pow(121666, -1, P) % P  # and the curve -x^2 + y^2 = 1 + d x^2 y^2
ROOT = pow(2, (P - 1) // 4, P)  # of -1

Point = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, x*y = T/Z
NEUTRAL: Point = (0, 1, 1, 0)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Section 5.1.7, without the cofactor, as OpenSSL does it."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, s = _decode(public), int.from_bytes(signature[32:], "little")
    if a is None or s >= L:
        return False
    k = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % L
    minus_a = (P - a[0], a[1], a[2], P - a[3])
    return _encode(_add(_times(s, BASE), _times(k, minus_a))) == signature[:32]


def _add(p: Point, q: Point) -> Point:
    """Section 5.1.4."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n: int, point: Point) -> Point:
    total = NEUTRAL
    while n:
        if n & 1:
            total = _add(total, point)
        point, n = _add(point, point), n >> 1
    return total


def _decode(raw: bytes) -> Point | None:
    """Section 5.1.3; None when no point is meant."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _x_of(y, sign) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


def _x_of(y: int, sign: int) -> int | None:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _encode(point: Point) -> bytes:
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_base = _decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
assert _base is not None
BASE: Point = _base
