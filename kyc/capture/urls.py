from django.urls import path

from kyc.capture import api, page_api

urlpatterns = [
    path("capture_sessions", api.Sessions.as_view()),
    path("capture_sessions/<str:session_id>", api.OneSession.as_view()),
    path("capture_sessions/<str:session_id>/cancel", api.Cancellation.as_view()),
    path("capture/session", page_api.Here.as_view()),
    path("capture/consent", page_api.Consenting.as_view()),
    path("capture/attempts", page_api.Attempts.as_view()),
    path("capture/steps", page_api.Steps.as_view()),
    path("capture/chunks/<int:number>", page_api.Chunks.as_view()),
    path("capture/finish", page_api.Finish.as_view()),
    path("capture/portrait", page_api.Portrait.as_view()),
]
