from django.apps import AppConfig


class ApplicantsConfig(AppConfig):
    name = "kyc.applicants"
    label = "applicants"
