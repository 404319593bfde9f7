from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "kyc.inference"
    label = "inference"

    def ready(self):
        from kyc.inference import results  # noqa: F401  (its receiver hears of quarantined jobs)
