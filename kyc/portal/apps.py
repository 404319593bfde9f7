from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "kyc.portal"
    label = "portal"
