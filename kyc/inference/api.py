from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from kyc.core import clock
from kyc.core.errors import NotFound
from kyc.http.serializers import Strict
from kyc.http.views import Accepted, ApiView, reads, writes
from kyc.inference import services
from kyc.inference.models import Inference
from kyc.verifications.api import WAIT, coarse


class NewJob(Strict):
    kind = serializers.ChoiceField(Inference.Kind.choices)
    media = serializers.CharField(max_length=64)
    other_media = serializers.CharField(max_length=64, required=False, help_text="The second image of `compare`")

    def validate(self, given):
        if ("other_media" in given) != (given["kind"] == "compare"):
            raise serializers.ValidationError({"other_media": ["Exactly `compare` takes a second image."]})
        return given


class JobShown(serializers.ModelSerializer):
    result = serializers.SerializerMethodField()

    class Meta:
        model = Inference
        fields = ["id", "kind", "state", "media", "other_media", "result", "reason", "created_at", "finished_at"]

    def get_result(self, row) -> dict | None:
        return row.result if row.result is None or self.context.get("exact") else coarse(row.result)


class _Jobs(ApiView):
    def shown(self, job_id: str) -> dict:
        row = Inference.objects.filter(pk=job_id).first()
        if row is None:
            raise NotFound()
        return JobShown(row, context={"exact": self.request.user.may("scores:read")}).data


class Jobs(_Jobs):
    queryset = Inference.objects.none()
    needs = {"GET": "verifications:read", "POST": "jobs:write"}

    @extend_schema(operation_id="jobs_list", responses=JobShown(many=True))
    @reads
    def get(self, request):
        return self.listed(Inference.objects.all(), JobShown)

    @extend_schema(
        operation_id="jobs_create", request=NewJob, parameters=[WAIT], responses={202: JobShown, 200: JobShown}
    )
    @writes
    def post(self, request):
        given = self.valid(NewJob)
        row = services.submit(
            kind=given["kind"], media_id=given["media"], other_media_id=given.get("other_media"), now=clock.now()
        )

        def finished():
            done = Inference.objects.filter(pk=row.pk).exclude(state=Inference.State.PROCESSING).exists()
            return Response(self.shown(row.pk)) if done else None

        return Accepted(self.shown(row.pk), location=f"/v1/jobs/{row.pk}", finished=finished)


class OneJob(_Jobs):
    needs = {"GET": "verifications:read"}

    @extend_schema(operation_id="jobs_get", responses=JobShown)
    @reads
    def get(self, request, job_id):
        return Response(self.shown(job_id))
