"""Migration operations for what every regulated table has: row-level security, grants, audit triggers.

The owner is subject to the policies too (FORCE), and none of the three logins may bypass them.
"""

from __future__ import annotations

from django.db import migrations

# Read by every policy. An unset or empty setting is NULL, and NULL = anything is not true: no rows.
MINE = "tenant_id = nullif(current_setting('vouch.tenant', true), '')"


def TenantTable(table: str, *, also: str = "", column: str = "tenant_id") -> migrations.RunSQL:
    """A tenant sees and writes its own rows; the system login all. `also` widens what may be *read*."""
    mine = MINE.replace("tenant_id", column, 1)
    readable = f"({mine} or {also})" if also else mine
    return migrations.RunSQL(
        f"""
        alter table {table} enable row level security;
        alter table {table} force row level security;
        create policy app_reads on {table} for select to vouch_app using ({readable});
        create policy app_inserts on {table} for insert to vouch_app with check ({mine});
        create policy app_updates on {table} for update to vouch_app using ({readable}) with check ({readable});
        create policy app_deletes on {table} for delete to vouch_app using ({mine});
        create policy system_all on {table} to vouch_system using (true) with check (true);
        create policy owner_all on {table} to vouch_owner using (true) with check (true);
        """,
        f"""
        drop policy app_reads on {table}; drop policy app_inserts on {table};
        drop policy app_updates on {table}; drop policy app_deletes on {table};
        drop policy system_all on {table}; drop policy owner_all on {table};
        alter table {table} no force row level security;
        alter table {table} disable row level security;
        """,
    )


def Audited(table: str, *, clear: tuple[str, ...] = (), key: str = "id") -> migrations.RunSQL:
    """Every write leaves an audit event; only the columns named in `clear` appear in it as values.

    The function is kyc.audit's; migrations using this depend on ("audit", "0001_initial").
    """
    arguments = ", ".join(f"'{c}'" for c in (key, *clear))
    return migrations.RunSQL(
        # TRUNCATE fires no row trigger: nobody may
        f"create trigger audited after insert or update or delete on {table}"
        f" for each row execute function audit_row({arguments});"
        f" create trigger audited_whole before truncate on {table}"
        " for each statement execute function audit_refuse();",
        f"drop trigger audited on {table}; drop trigger audited_whole on {table};",
    )
