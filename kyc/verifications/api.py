from __future__ import annotations

from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from kyc.core import clock
from kyc.http.serializers import Strict
from kyc.http.views import Accepted, ApiView, reads, writes
from kyc.verifications import queries, services
from kyc.verifications.models import Check, Decision, Policy, Verification
from kyc.verifications.reasons import sentence
from kyc.verifications.states import KIND_CHOICES, SETTLED, STATE_CHOICES, State

COARSE = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # without `scores:read` an FMR is told to the power of ten: no score oracle
WAIT = OpenApiParameter("wait", OpenApiTypes.INT, description="Hold the answer up to this many seconds (at most 30)")


class NewVerification(Strict):
    applicant = serializers.CharField(max_length=64)
    kind = serializers.ChoiceField(KIND_CHOICES)
    selfie = serializers.CharField(max_length=64, required=False, help_text="A media id")
    id_portrait = serializers.CharField(max_length=64, required=False, help_text="A media id")
    policy = serializers.CharField(max_length=64, default="default")
    priority = serializers.ChoiceField(["interactive", "bulk"], default="interactive")
    sandbox_outcome = serializers.ChoiceField(services.SANDBOX_OUTCOMES, required=False)


class Submission(Strict):
    selfie = serializers.CharField(max_length=64, required=False)
    id_portrait = serializers.CharField(max_length=64, required=False)


class ReasonShown(serializers.Serializer):
    code = serializers.CharField()
    applicant_message = serializers.CharField()


class CheckShown(serializers.ModelSerializer):
    """Exact scores only with `scores:read`; otherwise the result, and the FMR to the power of ten."""

    model = serializers.SerializerMethodField()
    fmr_at_most = serializers.SerializerMethodField()

    class Meta:
        model = Check
        fields = [
            "name", "result", "reasons", "submission", "score", "fmr", "fmr_at_most", "threshold", "threshold_id",
            "model", "detail", "milliseconds",
        ]  # fmt: skip

    def get_model(self, row) -> str | None:
        return str(row.model) if row.model else None

    def get_fmr_at_most(self, row) -> float | None:
        return power_of_ten(row.fmr)

    def to_representation(self, row):
        shown = super().to_representation(row)
        return shown if self.context.get("exact") else coarse(shown)


def power_of_ten(fmr: float | None) -> float | None:
    return None if fmr is None else min((c for c in COARSE if fmr <= c), default=1.0)


def coarse(answer: dict) -> dict:
    """An answer for who may not see scores: the verdict, and the FMR to the power of ten."""
    hidden = {"one_in", "pad", "expected_by_chance"}
    detail = {k: v for k, v in (answer.get("detail") or {}).items() if k not in hidden}
    if "hits" in detail:
        detail["hits"] = [{k: v for k, v in hit.items() if k != "score"} for hit in detail["hits"]]
    blank = {name: None for name in ("score", "fmr", "threshold") if name in answer}
    return answer | blank | ({"detail": detail} if "detail" in answer else {})


class DecisionShown(serializers.ModelSerializer):
    policy = serializers.StringRelatedField()

    class Meta:
        model = Decision
        fields = ["number", "submission", "outcome", "reasons", "decided_by", "policy", "at"]


class VerificationListed(serializers.ModelSerializer):
    applicant = serializers.CharField(source="applicant_id")
    policy = serializers.StringRelatedField()
    reasons = serializers.SerializerMethodField()

    class Meta:
        model = Verification
        fields = [
            "id", "applicant", "kind", "state", "reasons", "submission", "policy", "created_at", "state_since",
            "submitted_at", "decided_at", "expires_at",
        ]  # fmt: skip

    @extend_schema_field(ReasonShown(many=True))
    def get_reasons(self, row):
        return [{"code": code, "applicant_message": sentence(code)} for code in row.reasons]


class VerificationShown(VerificationListed):
    checks = CheckShown(many=True)
    decisions = DecisionShown(many=True)

    class Meta(VerificationListed.Meta):
        fields = [*VerificationListed.Meta.fields, "selfie", "id_portrait", "checks", "decisions"]


class VerificationFilter(filters.FilterSet):
    applicant = filters.CharFilter("applicant_id")
    state = filters.MultipleChoiceFilter(choices=STATE_CHOICES)
    kind = filters.ChoiceFilter(choices=KIND_CHOICES)
    created_after = filters.IsoDateTimeFilter("created_at", "gte")
    created_before = filters.IsoDateTimeFilter("created_at", "lt")


class _Cases(ApiView):
    def shown(self, case_id: str) -> dict:
        exact = self.request.user.may("scores:read")
        return VerificationShown(queries.verification(case_id), context={"exact": exact}).data

    def accepted(self, case: Verification) -> Accepted:
        def finished():
            settled = Verification.objects.filter(pk=case.pk, state__in=SETTLED).exists()
            return Response(self.shown(case.pk)) if settled else None

        return Accepted(self.shown(case.pk), location=f"/v1/verifications/{case.pk}", finished=finished)


class Verifications(_Cases):
    needs = {"GET": "verifications:read", "POST": "verifications:write"}
    queryset = Verification.objects.none()
    filterset_class = VerificationFilter

    @extend_schema(operation_id="verifications_list", responses=VerificationListed(many=True))
    @reads
    def get(self, request):
        return self.listed(Verification.objects.select_related("policy"), VerificationListed)

    @extend_schema(
        operation_id="verifications_create", request=NewVerification, parameters=[WAIT],
        responses={202: VerificationShown, 200: VerificationShown, 201: VerificationShown},
    )  # fmt: skip
    @writes
    def post(self, request):
        given = self.valid(NewVerification)
        case = services.create(
            applicant_id=given["applicant"], kind=given["kind"], selfie_id=given.get("selfie"),
            id_portrait_id=given.get("id_portrait"), policy_name=given["policy"],
            sandbox_outcome=given.get("sandbox_outcome", ""), priority=10 if given["priority"] == "bulk" else 0,
            now=clock.now(),
        )  # fmt: skip
        if case.state == State.AWAITING_INPUT:
            location = {"Location": f"/v1/verifications/{case.pk}"}
            return Response(self.shown(case.pk), status=201, headers=location)
        return self.accepted(case)


class OneVerification(_Cases):
    needs = {"GET": "verifications:read"}

    @extend_schema(operation_id="verifications_get", responses=VerificationShown)
    @reads
    def get(self, request, verification_id):
        return Response(self.shown(verification_id))


class Submit(_Cases):
    needs = {"POST": "verifications:write"}

    @extend_schema(
        operation_id="verifications_submit", request=Submission, parameters=[WAIT],
        responses={202: VerificationShown, 200: VerificationShown},
    )  # fmt: skip
    @writes
    def post(self, request, verification_id):
        given = self.valid(Submission)
        case = services.submit(
            verification_id=verification_id, selfie_id=given.get("selfie"), id_portrait_id=given.get("id_portrait"),
            now=clock.now(),
        )  # fmt: skip
        return self.accepted(case)


class Cancel(_Cases):
    needs = {"POST": "verifications:write"}

    @extend_schema(operation_id="verifications_cancel", request=None, responses=VerificationShown)
    @writes
    def post(self, request, verification_id):
        services.cancel(verification_id=verification_id, now=clock.now())
        return Response(self.shown(verification_id))


class Retry(_Cases):
    needs = {"POST": "verifications:write"}

    @extend_schema(operation_id="verifications_retry", request=None, responses={202: VerificationShown})
    @writes
    def post(self, request, verification_id):
        return self.accepted(services.retry(verification_id=verification_id, now=clock.now()))


class NewPolicy(Strict):
    name = serializers.RegexField(r"^[a-z0-9_-]{1,64}$", default="default")
    rules = serializers.JSONField(help_text="What is not said keeps its default; see GET /v1/policies")


class PolicyShown(serializers.ModelSerializer):
    class Meta:
        model = Policy
        fields = ["id", "name", "version", "rules", "active", "created_at", "created_by", "approved_by"]


class Policies(ApiView):
    queryset = Policy.objects.none()
    needs = {"GET": "policies:read", "POST": "policies:write"}

    @extend_schema(operation_id="policies_list", responses=PolicyShown(many=True))
    @reads
    def get(self, request):
        return self.listed(queries.policies(), PolicyShown)

    @extend_schema(operation_id="policies_add", request=NewPolicy, responses={201: PolicyShown})
    @writes
    def post(self, request):
        given = self.valid(NewPolicy)
        rules = given["rules"] if isinstance(given["rules"], dict) else {"rules": None}
        row = services.add_policy(name=given["name"], rules_json=rules, now=clock.now())
        return Response(PolicyShown(row).data, status=201)
