"""Quarantine: what was given up after three attempts, why, and a way to let it try again."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from kyc.audit import services as audit
from kyc.core import clock
from kyc.http.views import ApiView, reads, writes
from kyc.outbox import queries, services
from kyc.outbox.models import Job


class QuarantinedJob(serializers.ModelSerializer):
    class Meta:
        model = Job
        fields = ["id", "kind", "subject_type", "subject_id", "state", "attempt", "reason", "created_at", "finished_at"]


class Quarantine(ApiView):
    queryset = Job.objects.none()
    needs = {"GET": "verifications:read"}

    @extend_schema(operation_id="quarantine_list", responses=QuarantinedJob(many=True))
    @reads
    def get(self, request):
        return self.listed(queries.quarantined(), QuarantinedJob)


class Release(ApiView):
    needs = {"POST": "jobs:write"}

    @extend_schema(operation_id="quarantine_release", request=None, responses=QuarantinedJob)
    @writes
    def post(self, request, job_id):
        job = services.release(job_id=job_id, now=clock.now())
        audit.note(action="job.released", object_type="outbox_job", object_id=job.pk)
        return Response(QuarantinedJob(job).data)
