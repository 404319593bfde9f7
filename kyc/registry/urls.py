from django.urls import path

from kyc.registry import api

urlpatterns = [path("models", api.Models.as_view())]
