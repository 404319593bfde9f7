-- Runs once, by psql as superuser, after roles.sql. Passwords come from the environment, not from a file in git.
\getenv owner VOUCH_OWNER_PASSWORD
\getenv app VOUCH_APP_PASSWORD
\getenv system VOUCH_SYSTEM_PASSWORD
alter role vouch_owner password :'owner';
alter role vouch_app password :'app';
alter role vouch_system password :'system';
