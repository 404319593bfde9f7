from django.urls import path

from kyc.verifications import api

urlpatterns = [
    path("verifications", api.Verifications.as_view()),
    path("verifications/<str:verification_id>", api.OneVerification.as_view()),
    path("verifications/<str:verification_id>/submit", api.Submit.as_view()),
    path("verifications/<str:verification_id>/cancel", api.Cancel.as_view()),
    path("verifications/<str:verification_id>/retry", api.Retry.as_view()),
    path("policies", api.Policies.as_view()),
]
