from django.db import migrations


class Migration(migrations.Migration):
    """Before any table exists: what the two runtime logins may do with the tables to come."""

    initial = True
    dependencies = []
    run_before = [("contenttypes", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            alter default privileges for role vouch_owner in schema public
                grant select, insert, update, delete on tables to vouch_app, vouch_system;
            alter default privileges for role vouch_owner in schema public
                grant usage, select on sequences to vouch_app, vouch_system;
            grant usage on schema public to vouch_app, vouch_system;
            grant select on django_migrations to vouch_app, vouch_system;
            """,
            migrations.RunSQL.noop,
        ),
    ]
