from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "kyc.tenants"
    label = "tenants"
