from django.apps import AppConfig


class HttpConfig(AppConfig):
    name = "kyc.http"
    label = "http"
