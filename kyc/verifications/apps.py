from django.apps import AppConfig


class VerificationsConfig(AppConfig):
    name = "kyc.verifications"
    label = "verifications"

    def ready(self):
        from kyc.verifications import results  # noqa: F401  (its receivers hear of quarantined and released jobs)
