from django.apps import AppConfig


class CaptureConfig(AppConfig):
    name = "kyc.capture"
    label = "capture"

    def ready(self):
        from kyc.capture import results  # noqa: F401  (its receiver hears of quarantined jobs)
