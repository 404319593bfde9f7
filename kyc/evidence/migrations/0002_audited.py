from django.db import migrations

from kyc.core.rls import Audited


class Migration(migrations.Migration):
    dependencies = [("evidence", "0001_initial"), ("audit", "0001_initial")]

    operations = [
        Audited("evidence_media", clear=("applicant_id", "kind", "state", "shredded_at")),
    ]
