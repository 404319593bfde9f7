from django.db import migrations

from kyc.core.rls import Audited


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial"), ("audit", "0001_initial")]

    operations = [
        Audited("registry_modelversion", clear=("role", "name", "version", "sha256", "state")),
    ]
