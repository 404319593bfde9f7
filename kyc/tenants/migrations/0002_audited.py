from django.db import migrations

from kyc.core.rls import Audited


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial"), ("audit", "0001_initial")]

    operations = [
        Audited("tenants_tenant", clear=("mode",)),
        Audited("tenants_apikey", clear=("prefix", "scopes", "expires_at", "revoked_at")),
        Audited("tenants_membership", clear=("user_id", "role")),
    ]
