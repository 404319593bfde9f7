from django.apps import AppConfig


class VaultConfig(AppConfig):
    name = "kyc.vault"
    label = "vault"
