from django.urls import path

from kyc.applicants import api

urlpatterns = [
    path("applicants", api.Applicants.as_view()),
    path("applicants/<str:applicant_id>", api.OneApplicant.as_view()),
    path("applicants/<str:applicant_id>/consents", api.Consents.as_view()),
    path("applicants/<str:applicant_id>/consents/<str:consent_id>/withdraw", api.Withdrawal.as_view()),
]
