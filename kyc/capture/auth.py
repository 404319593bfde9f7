"""Who opened the link: a bearer client token. It may do what its own session allows, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission

from kyc.capture import queries, token
from kyc.capture.models import Session
from kyc.core.scope import Scope, acting, atomic
from kyc.http.problems import Unauthenticated
from kyc.tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Guest:
    """DRF knows it as request.user."""

    tenant: Tenant
    session: Session
    is_authenticated: bool = True

    @property
    def actor(self) -> str:
        return f"capture:{self.session.pk}"

    @property
    def pk(self) -> str:  # throttles count by this
        return self.session.pk

    def may(self, scope: str) -> bool:
        return False


class TokenAuthentication(BaseAuthentication):
    """A bearer header, never a cookie: another site's form cannot send it, so there is nothing to forge."""

    def authenticate(self, request):
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        given = token.read(parts[1].decode("latin-1")) if len(parts) == 2 and parts[0].lower() == b"bearer" else None
        if given is None:
            raise Unauthenticated()
        # the token names its tenant, so row-level security shows that tenant's rows; the secret decides
        with acting(Scope(given.tenant_id, "anonymous", getattr(request._request, "id", ""))), atomic():
            session = queries.session_by_token(given)
        if session is None:
            raise Unauthenticated()
        return Guest(session.tenant, session), session

    def authenticate_header(self, request):
        return 'Bearer realm="vouch-capture"'


class IsGuest(BasePermission):
    def has_permission(self, request, view):
        if not isinstance(request.user, Guest):
            raise Unauthenticated()
        return True
