from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers

from kyc.http.views import ApiView, reads
from kyc.registry.models import ModelVersion


class ModelShown(serializers.ModelSerializer):
    class Meta:
        model = ModelVersion
        fields = [
            "id", "role", "name", "version", "sha256", "dimension", "licence", "state", "calibration", "registered_at",
        ]  # fmt: skip


class Models(ApiView):
    queryset = ModelVersion.objects.none()
    needs = {"GET": "models:read"}

    @extend_schema(operation_id="models_list", responses=ModelShown(many=True))
    @reads
    def get(self, request):
        return self.listed(ModelVersion.objects.all(), ModelShown)
