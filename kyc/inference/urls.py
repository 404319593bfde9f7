from django.urls import path

from kyc.inference import api

urlpatterns = [
    path("jobs", api.Jobs.as_view()),
    path("jobs/<str:job_id>", api.OneJob.as_view()),
]
