-- What a Vouch database holds before its first migration. Run inside the database, by a superuser.
create extension if not exists vector;
alter schema public owner to vouch_owner;
revoke all on schema public from public;
grant usage on schema public to vouch_app, vouch_system;
