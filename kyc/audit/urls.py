from django.urls import path

from kyc.audit import api

urlpatterns = [
    path("audit/events", api.Events.as_view()),
    path("audit/checkpoints", api.Checkpoints.as_view()),
    path("audit/proofs/inclusion", api.Inclusion.as_view()),
    path("audit/proofs/consistency", api.Consistency.as_view()),
    path("audit/export", api.Export.as_view()),
]
