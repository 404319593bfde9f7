from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    name = "kyc.evidence"
    label = "evidence"
