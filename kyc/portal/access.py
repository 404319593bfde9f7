"""Who is signed in, for which bank, in which role; their scope is entered for the length of the request."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import connections

from kyc.core.scope import Scope, acting, alias, atomic
from kyc.tenants.models import Membership

DECIDE = frozenset({"reviewer", "senior", "administrator"})
READ = DECIDE | {"viewer", "auditor"}


def for_roles(roles: frozenset[str]) -> Callable:
    """A view for signed-in members with one of the roles. Raises PermissionDenied for everybody else."""

    def decorate(view):
        @login_required
        @wraps(view)
        def guarded(request, *args, **kwargs):
            member = membership(request.user.pk, request.id)
            if member is None or member.role not in roles:
                raise PermissionDenied
            request.member = member
            with acting(Scope(member.tenant_id, f"user:{request.user.pk}", request.id)):
                return view(request, *args, **kwargs)

        return guarded

    return decorate


def membership(user_id: int, request_id: str) -> Membership | None:
    """Before a tenant is known row-level security shows a person their own memberships (tenants migration)."""
    with acting(Scope(None, f"user:{user_id}", request_id)), atomic():
        with connections[alias()].cursor() as cursor:
            cursor.execute("select set_config('vouch.user', %s, true)", [str(user_id)])
        return Membership.objects.filter(user_id=user_id).order_by("id").first()
