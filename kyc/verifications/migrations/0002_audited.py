from django.db import migrations

from kyc.core.rls import Audited


class Migration(migrations.Migration):
    dependencies = [("verifications", "0001_initial"), ("audit", "0001_initial")]

    operations = [
        Audited("verifications_policy", clear=("name", "version", "active", "created_by", "approved_by")),
        Audited(
            "verifications_verification", clear=("applicant_id", "kind", "state", "submission", "reasons", "decided_at")
        ),
        Audited("verifications_check", clear=("verification_id", "submission", "name", "result", "reasons")),
        Audited(
            "verifications_decision",
            clear=("verification_id", "number", "outcome", "reasons", "decided_by", "second_by"),
        ),
    ]
