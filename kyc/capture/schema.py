"""How the page's endpoints are described: a credential of their own, and no idempotency key: each is idempotent."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from kyc.http.schema import Schema


class ClientToken(OpenApiAuthenticationExtension):
    target_class = "kyc.capture.auth.TokenAuthentication"
    name = "ClientToken"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", "description": "The client token of a capture session, `vct.…`"}


class PageSchema(Schema):
    def get_override_parameters(self):
        return []
