from django.apps import AppConfig


class VerificationsConfig(AppConfig):
    name = "kyc.verifications"
    label = "verifications"
