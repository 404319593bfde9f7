from __future__ import annotations

import json

from rest_framework.parsers import JSONParser

from kyc.http.problems import BadJson

DEEPEST = 32  # nesting; no request of ours has more than five, and parsers recurse


class StrictJSONParser(JSONParser):
    """JSON as RFC 8259 means it: no NaN, no duplicate names, nothing PostgreSQL cannot hold as text."""

    def parse(self, stream, media_type=None, parser_context=None):
        try:
            text = stream.read().decode("utf-8")
            if not text.strip():
                return {}
            value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
        except BadJson:
            raise
        except (ValueError, RecursionError) as e:
            raise BadJson() from e
        _storable(value, 0)
        if not isinstance(value, dict):
            raise BadJson("The body must be a JSON object.")
        return value


def _refuse(constant):
    raise BadJson(f"{constant} is not a JSON number.")


def _once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadJson("A name occurs twice in one object.")
    return found


def _storable(value, depth):
    if depth > DEEPEST:
        raise BadJson("The body is nested too deeply.")
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise BadJson()
    for inner in (
        [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        _storable(inner, depth + 1)
