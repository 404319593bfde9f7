"""Every address. Each area owns its own under /v1."""

from importlib.util import find_spec

from django.conf import settings
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from kyc.capture import views as capture
from kyc.http import health
from kyc.operations import views as operations

handler404 = "kyc.http.problems.not_found"
handler500 = "kyc.http.problems.server_error"

AREAS_WITH_ENDPOINTS = [area for area in settings.AREAS if find_spec(area) and find_spec(f"{area}.urls")]

urlpatterns = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("health/detail", operations.detail),
    path("health/canary", operations.canary),
    path("metrics", operations.metrics),
    path("capture/", capture.page),
    path("portal/", include("kyc.portal.pages")),
    path("v1/schema", SpectacularAPIView.as_view(), name="schema"),
    path("v1/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("v1/", include([path("", include(f"{area}.urls")) for area in AREAS_WITH_ENDPOINTS])),
]
