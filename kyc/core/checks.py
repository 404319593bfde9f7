"""Refuse to start with a database login that could see another tenant's rows."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

RUNTIME = ("default", "system")

QUESTION = """
    select r.rolname, r.rolsuper, r.rolbypassrls,
           exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
                   where n.nspname = 'public' and c.relkind = 'r' and pg_has_role(r.oid, c.relowner, 'usage'))
    from pg_roles r where r.rolname = session_user
"""


def refuse_powerful_logins() -> None:
    """Raise unless each runtime login is an ordinary role that owns no table.

    Row-level security is void for superusers and BYPASSRLS roles; an owner could switch it off.
    """
    for alias in RUNTIME:
        if alias not in connections:
            continue
        with connections[alias].cursor() as cursor:
            cursor.execute(QUESTION)
            name, superuser, bypass, owner = cursor.fetchone()
        if superuser or bypass or owner:
            why = "is a superuser" if superuser else "has BYPASSRLS" if bypass else "owns tables"
            raise ImproperlyConfigured(
                f"The database login {name!r} ({alias}) {why}: it could read every tenant."
                " Use vouch_app for `default` and vouch_system for `system`."
            )
