-- How an event gets into the log. These functions belong to the owner and run with its rights; nobody else may insert.

-- The one door. Takes the transaction's number before the event's: queries.unsealed relies on that order.
create function audit_append(
    tenant text, action text, object_type text, object_id text, before bytea, after bytea, changes jsonb, detail jsonb
) returns bigint language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    acting text := nullif(current_setting('vouch.actor', true), '');
    xid bigint := pg_current_xact_id()::text::bigint;
    event_id bigint;
begin
    if acting is null then
        raise exception 'refused: % without an actor', action using errcode = 'VA001',
            detail = 'Every write to a regulated table is audited, and an audit event names who acted.',
            hint = 'Write inside kyc.core.scope.atomic(); by hand: set local vouch.actor = ''user:you''.';
    end if;
    insert into audit_event
        (tenant_id, actor, action, object_type, object_id, before, after, changes, detail, request_id, txid, at)
    values
        (tenant, acting, action, object_type, object_id, before, after, changes, detail,
         coalesce(current_setting('vouch.request', true), ''), xid, clock_timestamp())
    returning id into event_id;
    return event_id;
end $$;
revoke all on function audit_append from public;

-- Row trigger: audit_row(key column, columns whose values may be shown...).
-- The settings fix how PostgreSQL writes values as text, so that the same row always has the same digest.
create function audit_row() returns trigger language plpgsql security definer
    set search_path = pg_catalog, public, pg_temp
    set timezone = 'UTC' set bytea_output = 'hex' set intervalstyle = 'iso_8601' set extra_float_digits = 1
as $$
declare
    old_row jsonb;
    new_row jsonb;
    shown jsonb := '{}';
    present jsonb;
    tenant text;
begin
    if tg_op <> 'INSERT' then old_row := to_jsonb(old); end if;
    if tg_op <> 'DELETE' then new_row := to_jsonb(new); end if;
    present := coalesce(new_row, old_row);
    -- the tenant of the row, not of whoever writes it: a system process writes for many
    tenant := case when tg_table_name = 'tenants_tenant' then present->>'id'
              else coalesce(present->>'tenant_id', nullif(current_setting('vouch.tenant', true), '')) end;
    for i in 1 .. tg_nargs - 1 loop  -- tg_argv counts from 0, and 0 is the key
        if old_row->tg_argv[i] is distinct from new_row->tg_argv[i] then
            shown := shown || jsonb_build_object(tg_argv[i],
                jsonb_build_array(old_row->tg_argv[i], new_row->tg_argv[i]));
        end if;
    end loop;
    perform audit_append(
        tenant, tg_table_name || '.' || lower(tg_op), tg_table_name, coalesce(present->>tg_argv[0], ''),
        sha256(convert_to(old_row::text, 'UTF8')), sha256(convert_to(new_row::text, 'UTF8')), shown, '{}');
    return null;
end $$;

-- For what is no row change: somebody read personal data, signed in, exported. In the tenant of the transaction.
create function audit_note(action text, object_type text, object_id text, detail jsonb)
    returns bigint language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    if action ~ '\.(insert|update|delete|truncate)$' then
        raise exception 'refused: % is for triggers to say', action using errcode = 'VA003';
    end if;
    return audit_append(nullif(current_setting('vouch.tenant', true), ''), action, object_type, object_id,
                        null, null, '{}', detail);
end $$;

-- Statement trigger on everything that is only ever added to, and against TRUNCATE of regulated tables.
create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'refused: % of %', lower(tg_op), tg_table_name using errcode = 'VA002',
        detail = 'This table is append-only.';
end $$;
