"""Templates and lists. The vector itself is never returned: it is a face image by another name."""

from __future__ import annotations

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from kyc.core import clock
from kyc.faces import queries, services
from kyc.faces.models import FaceList, Template
from kyc.http.serializers import Strict
from kyc.http.views import ApiView, reads, writes

MANAGE = {"GET": "templates:read", "POST": "templates:write", "DELETE": "templates:write"}


class TemplateShown(serializers.ModelSerializer):
    applicant = serializers.CharField(source="applicant_id")
    model = serializers.StringRelatedField()
    list = serializers.CharField(source="listed_id", allow_null=True)

    class Meta:
        model = Template
        fields = ["id", "applicant", "model", "media", "list", "created_at"]


class TemplateFilter(filters.FilterSet):
    applicant = filters.CharFilter("applicant_id")
    list = filters.CharFilter("listed_id")


class ListShown(serializers.ModelSerializer):
    class Meta:
        model = FaceList
        fields = ["id", "name", "created_at"]


class NewList(Strict):
    name = serializers.RegexField(r"^[a-z0-9_-]{1,64}$")


class NewEntry(Strict):
    template = serializers.CharField(max_length=64, help_text="An enrolled template; the entry is a copy of it")


class Templates(ApiView):
    needs = MANAGE
    queryset = Template.objects.none()
    filterset_class = TemplateFilter

    @extend_schema(operation_id="templates_list", responses=TemplateShown(many=True))
    @reads
    def get(self, request):
        return self.listed(queries.templates().select_related("model").defer("vector"), TemplateShown)


class OneTemplate(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="templates_get", responses=TemplateShown)
    @reads
    def get(self, request, template_id):
        return Response(TemplateShown(queries.template(template_id)).data)

    @extend_schema(operation_id="templates_remove", responses={204: None})
    @writes
    def delete(self, request, template_id):
        services.remove(template_id=template_id, now=clock.now())
        return Response(None, status=204)


class Lists(ApiView):
    queryset = FaceList.objects.none()
    needs = MANAGE

    @extend_schema(operation_id="lists_list", responses=ListShown(many=True))
    @reads
    def get(self, request):
        return self.listed(FaceList.objects.all(), ListShown)

    @extend_schema(operation_id="lists_create", request=NewList, responses={201: ListShown})
    @writes
    def post(self, request):
        made = services.create_list(name=self.valid(NewList)["name"], now=clock.now())
        return Response(ListShown(made).data, status=201)


class Entries(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="lists_add", request=NewEntry, responses={201: TemplateShown})
    @writes
    def post(self, request, list_id):
        made = services.add_to_list(list_id=list_id, template_id=self.valid(NewEntry)["template"], now=clock.now())
        return Response(TemplateShown(made).data, status=201)
