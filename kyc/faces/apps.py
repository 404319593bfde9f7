from django.apps import AppConfig


class FacesConfig(AppConfig):
    name = "kyc.faces"
    label = "faces"
