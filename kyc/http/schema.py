"""OpenAPI details that hold for every endpoint: the idempotency header, problems, scopes."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "next_step", "retryable", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "next_step": {"type": "string"},
        "retryable": {"type": "boolean"},
        "request_id": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    },
}
ALWAYS = {
    "401": "No valid credential",
    "403": "Missing scope",
    "404": "No such object (foreign looks the same)",
    "405": "No such method",
    "429": "Rate limit",
    "500": "Our fault",
    "503": "Overloaded, see Retry-After",
}
BODY = {
    "400": "Not valid JSON or header",
    "409": "In conflict with the present state or an earlier request",
    "413": "Too large",
    "415": "Wrong Content-Type",
    "422": "Not acceptable",
}
QUERY = {"400": "Bad cursor", "422": "A filter's value cannot be accepted"}


class Schema(AutoSchema):
    def get_override_parameters(self):
        if self.method != "POST":
            return []
        return [
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="Same key, same answer for at least 24 hours. Use a UUID per intended effect.",
            )
        ]

    def get_operation(self, *args, **kwargs):
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        wanted = {**ALWAYS, **(QUERY if self.method == "GET" else BODY)}
        for status, description in wanted.items():
            operation["responses"].setdefault(
                status,
                {
                    "description": description,
                    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
                },
            )
        if scope := getattr(self.view, "needs", {}).get(self.method):
            operation["x-scope"] = scope
            operation["description"] = f"{operation.get('description', '')}\n\nScope: `{scope}`.".strip()
        return operation


def add_problem(result, generator, request, public):
    """Postprocessing hook: the one error body."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    return result


class BearerKey(OpenApiAuthenticationExtension):
    target_class = "kyc.http.auth.KeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", "description": "An API key, e.g. `vouch_sandbox_...`"}
