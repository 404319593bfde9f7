from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "kyc.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from kyc.audit.services import checkpoint_signed
        from kyc.outbox.services import quarantined
        from kyc.webhooks import listeners

        quarantined.connect(listeners.on_quarantine)
        checkpoint_signed.connect(listeners.on_checkpoint)
