-- Who may do what. The default privileges of core.0001 gave more than the log allows.
alter table audit_event alter column id set generated always;  -- nobody chooses an event's number

do $$
declare
    name text;
begin
    foreach name in array array['audit_event', 'audit_leaf', 'audit_node', 'audit_checkpoint', 'audit_publication'] loop
        execute format('revoke all on %I from public, vouch_app, vouch_system', name);
        execute format('grant select on %I to vouch_system', name);
        -- ALWAYS: also under session_replication_role = replica
        execute format('create trigger append_only before update or delete or truncate on %I
                        for each statement execute function audit_refuse()', name);
        execute format('alter table %I enable always trigger append_only', name);
    end loop;
    foreach name in array array['audit_event', 'audit_leaf', 'audit_node', 'audit_checkpoint'] loop
        execute format('grant select on %I to vouch_app', name);
    end loop;
    foreach name in array array['audit_leaf', 'audit_node', 'audit_checkpoint', 'audit_publication'] loop
        execute format('grant insert on %I to vouch_system', name);
    end loop;
    foreach name in array array['audit_event', 'audit_leaf', 'audit_node', 'audit_checkpoint'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('create policy owner_all on %I to vouch_owner using (true) with check (true)', name);
        execute format('create policy system_all on %I to vouch_system using (true) with check (true)', name);
    end loop;
    foreach name in array array['audit_leaf', 'audit_node', 'audit_checkpoint'] loop
        execute format($f$create policy app_reads on %I for select to vouch_app
                          using (log = nullif(current_setting('vouch.tenant', true), ''))$f$, name);
    end loop;
    foreach name in array array['audit_head', 'audit_horizon'] loop
        execute format('revoke all on %I from public, vouch_app, vouch_system', name);
        execute format('grant select, insert, update on %I to vouch_system', name);
    end loop;
end $$;

create policy app_reads on audit_event for select to vouch_app
    using (tenant_id = nullif(current_setting('vouch.tenant', true), ''));

revoke all on function audit_note from public;
grant execute on function audit_note to vouch_app, vouch_system;
revoke all on function audit_row, audit_refuse from public;
grant execute on function audit_refuse to vouch_app, vouch_system;

insert into audit_horizon (id, mark, candidate, candidate_xid) values (1, 0, 0, 0);
