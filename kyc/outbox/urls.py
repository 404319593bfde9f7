from django.urls import path

from kyc.outbox import api

urlpatterns = [
    path("quarantine", api.Quarantine.as_view()),
    path("quarantine/<str:job_id>/release", api.Release.as_view()),
]
