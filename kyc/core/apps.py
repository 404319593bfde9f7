from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "kyc.core"
    label = "core"
