-- The three logins of Vouch. None of them may see past row-level security, not even the owner of the tables
-- (every tenant table is FORCEd). Run once per PostgreSQL server, by a superuser; running it again is harmless.
do $$
declare
    login text;
begin
    foreach login in array array['vouch_owner', 'vouch_app', 'vouch_system'] loop
        if not exists (select from pg_roles where rolname = login) then
            execute format('create role %I login', login);
        end if;
        execute format('alter role %I nosuperuser nobypassrls nocreatedb nocreaterole noreplication', login);
    end loop;
end $$;

-- A worker confines itself to one tenant with SET LOCAL ROLE vouch_app; it does not inherit the web tier's policies.
grant vouch_app to vouch_system with inherit false, set true;
