from django.db import migrations, models

# What counts against the limits is work that somebody waits for. Deliveries are accepted events on their way to a
# receiver: a bank whose receiver is down for a day must still be able to verify people.
LOAD = """
    create or replace function outbox_load(which text, most int, out mine int, out everyones int)
    language sql stable security definer set search_path = public as $$
        select (select count(*) from (select 1 from outbox_job where queue = which and state in ('pending', 'leased')
                    and kind <> 'deliver'
                    and tenant_id = nullif(current_setting('vouch.tenant', true), '') limit most) m),
               (select count(*) from (select 1 from outbox_job where queue = which and state in ('pending', 'leased')
                    and kind <> 'deliver' limit most) e)
    $$;
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]

    operations = [
        migrations.AddField("job", "deaths", models.SmallIntegerField(default=0, db_default=0)),
        migrations.AddIndex(
            "job",
            models.Index(
                models.F("queue"),
                models.F("tenant"),
                name="job_admitted",
                condition=models.Q(("state__in", ["pending", "leased"]), models.Q(("kind", "deliver"), _negated=True)),
            ),
        ),
        migrations.AddIndex(
            "job",
            models.Index(
                models.F("queue"),
                name="job_suspects",
                condition=models.Q(("deaths__gt", 0), ("state__in", ["pending", "leased"])),
            ),
        ),
        migrations.RunSQL(LOAD, migrations.RunSQL.noop),
    ]
