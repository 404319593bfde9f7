from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "kyc.outbox"
    label = "outbox"
