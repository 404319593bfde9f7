from django.db import migrations

from kyc.core.rls import Audited


class Migration(migrations.Migration):
    dependencies = [("faces", "0001_initial"), ("audit", "0001_initial")]

    operations = [
        Audited("faces_facelist", clear=("name",)),
        Audited("faces_template", clear=("applicant_id", "model_id", "rotation", "removed_at")),
    ]
