"""Who sends the request: a bearer API key. Its tenant and actor become the scope of everything that follows."""

from __future__ import annotations

from dataclasses import dataclass

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission

from kyc.core import clock
from kyc.http.problems import MissingScope, Unauthenticated
from kyc.tenants import queries
from kyc.tenants.models import ApiKey, Tenant


@dataclass(frozen=True, slots=True)
class Caller:
    """The authenticated party; DRF knows it as request.user."""

    tenant: Tenant
    actor: str  # "key:key_..."
    scopes: frozenset[str]
    key: ApiKey
    is_authenticated: bool = True

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    @property
    def pk(self) -> str:  # DRF's throttles count by this
        return self.key.pk


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request):
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise Unauthenticated()
        key = queries.key_by_secret(
            parts[1].decode("latin-1"), now=clock.now(), request_id=getattr(request._request, "id", "")
        )
        if key is None:
            raise Unauthenticated()
        return Caller(key.tenant, f"key:{key.pk}", frozenset(key.scopes), key), key

    def authenticate_header(self, request):
        return 'Bearer realm="vouch"'


class HasScope(BasePermission):
    """The view names a scope per method; an unnamed method is nobody's."""

    def has_permission(self, request, view):
        if request.user is None:
            raise Unauthenticated()
        needed = getattr(view, "needs", {}).get(request.method)
        if request.method == "OPTIONS":
            return True
        if needed is None:
            raise MissingScope("No key may do this.")
        if not request.user.may(needed):
            raise MissingScope(f"The key lacks the scope `{needed}`.")
        return True
