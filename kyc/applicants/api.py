from __future__ import annotations

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from kyc.applicants import queries, services
from kyc.applicants.models import Applicant, Consent
from kyc.core import clock
from kyc.http.serializers import Strict
from kyc.http.views import ApiView, reads, writes

REFERENCE = r"^[A-Za-z0-9._:@/-]{1,128}$"  # harmless in logs, URLs and CSV


class PersonalData(Strict):
    """Sealed under the applicant's own key; never in logs, webhooks or the audit log."""

    given_name = serializers.CharField(max_length=200, required=False)
    family_name = serializers.CharField(max_length=200, required=False)
    birth_date = serializers.DateField(required=False)
    email = serializers.EmailField(max_length=254, required=False)
    phone = serializers.RegexField(r"^\+?[0-9 ()-]{4,32}$", required=False)
    nationality = serializers.RegexField(r"^[A-Z]{3}$", required=False, help_text="ISO 3166-1 alpha-3")
    document_number = serializers.CharField(max_length=64, required=False)

    def to_internal_value(self, data):
        value = super().to_internal_value(data)
        if birth := value.get("birth_date"):
            value["birth_date"] = birth.isoformat()
        return dict(value)


class NewApplicant(Strict):
    external_reference = serializers.RegexField(REFERENCE, help_text="Your own id for this person; unique per tenant")
    personal = PersonalData(required=False)


class ChangedApplicant(Strict):
    personal = PersonalData()


class ApplicantShown(serializers.ModelSerializer):
    personal = serializers.SerializerMethodField()

    class Meta:
        model = Applicant
        fields = ["id", "external_reference", "personal", "created_at"]

    @extend_schema_field(PersonalData(allow_null=True))
    def get_personal(self, row) -> dict | None:
        return queries.personal(row)


class ApplicantListed(serializers.ModelSerializer):
    class Meta:
        model = Applicant
        fields = ["id", "external_reference", "created_at"]


class NewConsent(Strict):
    purpose = serializers.ChoiceField(Consent.Purpose.choices)
    version = serializers.RegexField(r"^[A-Za-z0-9._-]{1,64}$", help_text="Of the wording the person saw")
    language = serializers.RegexField(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", default="en")


class ConsentShown(serializers.ModelSerializer):
    class Meta:
        model = Consent
        fields = ["id", "purpose", "version", "language", "given_at", "withdrawn_at"]


class ApplicantFilter(filters.FilterSet):
    external_reference = filters.CharFilter()
    created_after = filters.IsoDateTimeFilter("created_at", "gte")
    created_before = filters.IsoDateTimeFilter("created_at", "lt")


class Applicants(ApiView):
    needs = {"GET": "applicants:read", "POST": "applicants:write"}
    queryset = Applicant.objects.none()
    filterset_class = ApplicantFilter

    @extend_schema(operation_id="applicants_list", responses=ApplicantListed(many=True))
    @reads
    def get(self, request):
        return self.listed(queries.applicants(), ApplicantListed)

    @extend_schema(operation_id="applicants_create", request=NewApplicant, responses={201: ApplicantShown})
    @writes
    def post(self, request):
        given = self.valid(NewApplicant)
        row = services.create(
            external_reference=given["external_reference"], personal=given.get("personal"), now=clock.now()
        )
        return Response(ApplicantShown(row).data, status=201, headers={"Location": f"/v1/applicants/{row.pk}"})


class OneApplicant(ApiView):
    needs = {"GET": "applicants:read", "PATCH": "applicants:write"}

    @extend_schema(operation_id="applicants_get", responses=ApplicantShown)
    @reads
    def get(self, request, applicant_id):
        return Response(ApplicantShown(queries.applicant(applicant_id)).data)

    @extend_schema(operation_id="applicants_change", request=ChangedApplicant, responses=ApplicantShown)
    @writes
    def patch(self, request, applicant_id):
        row = services.change(applicant_id=applicant_id, personal=self.valid(ChangedApplicant)["personal"])
        return Response(ApplicantShown(row).data)


class Consents(ApiView):
    queryset = Consent.objects.none()
    needs = {"GET": "applicants:read", "POST": "applicants:write"}

    @extend_schema(operation_id="consents_list", responses=ConsentShown(many=True))
    @reads
    def get(self, request, applicant_id):
        return self.listed(queries.consents(applicant_id), ConsentShown)

    @extend_schema(operation_id="consents_give", request=NewConsent, responses={201: ConsentShown})
    @writes
    def post(self, request, applicant_id):
        row = services.consent(applicant_id=applicant_id, **self.valid(NewConsent), now=clock.now())
        return Response(ConsentShown(row).data, status=201)


class Withdrawal(ApiView):
    needs = {"POST": "applicants:write"}

    @extend_schema(operation_id="consents_withdraw", request=None, responses=ConsentShown)
    @writes
    def post(self, request, applicant_id, consent_id):
        row = services.withdraw(applicant_id=applicant_id, consent_id=consent_id, now=clock.now())
        return Response(ConsentShown(row).data)
