from django.db import migrations

from kyc.core.rls import Audited


class Migration(migrations.Migration):
    dependencies = [("applicants", "0001_initial"), ("audit", "0001_initial")]

    operations = [
        Audited("applicants_applicant", clear=("erased_at",)),
        Audited("applicants_consent", clear=("applicant_id", "purpose", "version", "withdrawn_at")),
    ]
