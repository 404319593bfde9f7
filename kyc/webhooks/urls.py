from django.urls import path

from kyc.webhooks import api

ENDPOINT = "webhook_endpoints/<str:endpoint_id>"

urlpatterns = [
    path("webhook_endpoints", api.Endpoints.as_view()),
    path(ENDPOINT, api.OneEndpoint.as_view()),
    path(f"{ENDPOINT}/rotate_secret", api.RotateSecret.as_view()),
    path(f"{ENDPOINT}/enable", api.Enable.as_view()),
    path(f"{ENDPOINT}/disable", api.Disable.as_view()),
    path(f"{ENDPOINT}/ping", api.Ping.as_view()),
    path(f"{ENDPOINT}/recover", api.Recover.as_view()),
    path("events", api.Events.as_view()),
    path("events/<str:event_id>", api.OneEvent.as_view()),
    path("deliveries", api.Deliveries.as_view()),
    path("deliveries/<str:delivery_id>", api.OneDelivery.as_view()),
    path("deliveries/<str:delivery_id>/resend", api.Resend.as_view()),
]
