"""Canonical JSON, RFC 8785 (JCS): one value, one byte string, in every language.

An event is hashed over these bytes, so an examiner can recompute a leaf with any JCS library.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

SAFE = 2**53 - 1  # largest integer that a double holds exactly with all its neighbours (RFC 7493, 2.2)

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPECIAL = re.compile(r'["\\\x00-\x1f]')
# The C encoder writes RFC 8785 for everything but floats and keys beyond ASCII (see `_is_plain`).
_plain = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


class NotCanonical(ValueError):
    """The value has no RFC 8785 form: NaN, infinity, an integer beyond 2**53-1, a lone surrogate, a key
    that is not text, a type that JSON does not have, or (when parsing) a name twice in one object."""


def canonical(value: Any) -> bytes:
    """UTF-8 bytes of `value` in RFC 8785 form. Raises NotCanonical."""
    try:
        return (_plain(value) if _is_plain(value) else _careful(value)).encode()
    except UnicodeEncodeError as e:
        raise NotCanonical("a lone surrogate is not text") from e
    except RecursionError as e:
        raise NotCanonical("nested too deeply") from e


def strict_loads(text: str | bytes) -> Any:
    """Parse JSON that no two readers disagree about: no name twice, no NaN. Raises NotCanonical."""
    try:
        return _strict_decoder.decode(text.decode() if isinstance(text, bytes) else text)
    except NotCanonical:
        raise
    except (ValueError, OverflowError, RecursionError) as e:
        raise NotCanonical(f"not JSON: {e}") from e


def number(value: float) -> str:
    """ECMAScript's Number::toString (ECMA-262 6.1.6.1.20), which RFC 8785 section 3.2.2.3 prescribes."""
    if not math.isfinite(value):
        raise NotCanonical(f"{value} is not a JSON number")
    if value == 0:
        return "0"  # minus zero too
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")  # repr is the shortest that reads back: as in ES6
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))  # of `digits`, from its left
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"


def _is_plain(value: Any) -> bool:
    """Would the C encoder give the RFC 8785 form? Exact types only: a subclass may print itself otherwise."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -SAFE <= value <= SAFE
    if kind is dict:
        try:
            if not "".join(value).isascii():  # UTF-16 order equals code point order for ASCII names only
                return False
        except TypeError:  # a name that is no string
            return False
        value = value.values()
    elif kind is not list:
        return False
    for inner in value:  # noqa: SIM110  (a generator would take three times as long, for each event)
        if type(inner) is not str and inner is not None and not _is_plain(inner):
            return False
    return True


def _careful(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        if not -SAFE <= value <= SAFE:
            raise NotCanonical(f"{value} is beyond 2**53-1: write it as a string")
        return int.__repr__(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        if not all(isinstance(k, str) for k in value):
            raise NotCanonical("an object's names are strings")
        members = sorted(value.items(), key=_utf16_order)
        return "{" + ",".join(f"{_string(k)}:{_careful(v)}" for k, v in members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_careful, value)) + "]"
    raise NotCanonical(f"JSON has no {type(value).__name__}")


def _utf16_order(member: tuple[str, Any]) -> bytes:
    return member[0].encode("utf-16-be")  # section 3.2.3: names sort as arrays of UTF-16 code units


def _string(text: str) -> str:
    return '"' + _SPECIAL.sub(lambda m: _ESCAPES.get(m[0]) or f"\\u{ord(m[0]):04x}", text) + '"'


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) != len(members):
        raise NotCanonical("a name appears twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise NotCanonical(f"{name} is not JSON")


def _integer(digits: str) -> int | float:
    value = int(digits)
    return value if -SAFE <= value <= SAFE else float(value)  # JSON's numbers are doubles (RFC 7493, 2.2)


_strict_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer)
