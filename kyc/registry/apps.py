from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "kyc.registry"
    label = "registry"
