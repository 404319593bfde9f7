"""Capture sessions, as banks use them."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from kyc.capture import queries, services
from kyc.capture.models import Attempt, Session
from kyc.core import clock
from kyc.http.serializers import Strict
from kyc.http.views import ApiView, reads, writes


class NewSession(Strict):
    applicant = serializers.CharField(max_length=64, help_text="The applicant's id")
    document = serializers.BooleanField(default=False, help_text="Ask for the ID portrait, too")
    language = serializers.RegexField(r"^[a-z]{2}$", required=False, help_text="Of the page; else the browser's")
    return_url = serializers.URLField(max_length=500, required=False, help_text="Where the last button leads; https")

    def validate_return_url(self, value: str) -> str:
        url = urlsplit(value)
        if url.scheme != "https" and not (settings.DEBUG or url.hostname in ("localhost", "127.0.0.1")):
            raise serializers.ValidationError("Only https.")
        return value


class AttemptShown(serializers.ModelSerializer):
    class Meta:
        model = Attempt
        fields = ["number", "state", "result", "reasons", "signals", "camera", "started_at", "finished_at", "judged_at"]


class SessionListed(serializers.ModelSerializer):
    applicant = serializers.CharField(source="applicant_id")
    selfie = serializers.CharField(source="selfie_id", allow_null=True)
    portrait = serializers.CharField(source="portrait_id", allow_null=True)
    document = serializers.BooleanField(source="wants_document")

    class Meta:
        model = Session
        fields = ["id", "applicant", "state", "state_since", "document", "language", "attempts_left", "result",
                  "reasons", "selfie", "portrait", "created_at", "expires_at"]  # fmt: skip


class SessionShown(SessionListed):
    attempts = serializers.SerializerMethodField()

    class Meta(SessionListed.Meta):
        fields = [*SessionListed.Meta.fields, "attempts"]

    def get_attempts(self, row: Session) -> list[dict]:
        """Scores only with `scores:read`: who may see them may learn what just passes."""
        shown = AttemptShown(row.attempts.order_by("number"), many=True).data
        exact = self.context.get("exact")
        return [dict(one) if exact else {k: v for k, v in one.items() if k != "signals"} for one in shown]


class SessionOpened(SessionListed):
    url = serializers.CharField(help_text="The hosted page; the token is in the fragment, which no log sees")
    client_token = serializers.CharField(help_text="Shown once. For the bank's own app: the same API as the page's")

    class Meta(SessionListed.Meta):
        fields = [*SessionListed.Meta.fields, "url", "client_token"]


class Sessions(ApiView):
    needs = {"GET": "capture:write", "POST": "capture:write"}
    queryset = Session.objects.none()

    @extend_schema(operation_id="capture_sessions_list", responses=SessionListed(many=True))
    @reads
    def get(self, request):
        return self.listed(queries.sessions(), SessionListed)

    @extend_schema(operation_id="capture_sessions_create", request=NewSession, responses={201: SessionOpened})
    @writes
    def post(self, request):
        given = self.valid(NewSession)
        opened = services.open_session(
            applicant_id=given["applicant"], wants_document=given["document"], language=given.get("language", ""),
            return_url=given.get("return_url", ""), now=clock.now(),
        )  # fmt: skip
        row, token = opened.session, str(opened.token)
        told = SessionListed(row).data | {"url": f"{settings.PUBLIC_URL}/capture/#{token}", "client_token": token}
        return Response(told, status=201, headers={"Location": f"/v1/capture_sessions/{row.pk}"})


class OneSession(ApiView):
    needs = {"GET": "capture:write"}

    @extend_schema(operation_id="capture_sessions_get", responses=SessionShown)
    @reads
    def get(self, request, session_id):
        exact = request.user.may("scores:read")
        return Response(SessionShown(queries.session(session_id), context={"exact": exact}).data)


class Cancellation(ApiView):
    needs = {"POST": "capture:write"}

    @extend_schema(operation_id="capture_sessions_cancel", request=None, responses=SessionListed)
    @writes
    def post(self, request, session_id):
        return Response(SessionListed(services.cancel(session_id=session_id, now=clock.now())).data)
