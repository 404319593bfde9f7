"""The portal's addresses, outside /v1: these are pages, not the API."""

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from kyc.portal import views

urlpatterns = [
    path(
        "sign-in",
        LoginView.as_view(template_name="portal/sign_in.html", next_page="portal-queue"),
        name="portal-sign-in",
    ),
    path("sign-out", LogoutView.as_view(next_page="portal-sign-in"), name="portal-sign-out"),
    path("", views.queue, name="portal-queue"),
    path("cases/<str:case_id>", views.case, name="portal-case"),
    path("cases/<str:case_id>/claim", views.claim, name="portal-claim"),
    path("pictures/<str:media_id>", views.picture, name="portal-picture"),
]
