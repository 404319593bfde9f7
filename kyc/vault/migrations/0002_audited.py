from django.db import migrations

from kyc.core.rls import Audited


class Migration(migrations.Migration):
    dependencies = [("vault", "0001_initial"), ("audit", "0001_initial")]

    operations = [Audited("vault_datakey", clear=("owner", "kek_id", "destroyed_at"))]
