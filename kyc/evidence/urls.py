from django.urls import path

from kyc.evidence import api

urlpatterns = [
    path("media", api.AllMedia.as_view()),
    path("media/<str:media_id>", api.OneMedia.as_view()),
    path("media/<str:media_id>/content", api.Content.as_view()),
]
