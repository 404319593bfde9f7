from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from kyc.core import clock
from kyc.evidence import queries, services, uploads
from kyc.evidence.models import Media
from kyc.http.serializers import Strict
from kyc.http.views import ApiView, reads, writes

# The image must not be kept, guessed at, run or framed by whatever shows it.
SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "attachment; filename=image.jpg",
}


@extend_schema_field(OpenApiTypes.BINARY)
class ImageBytes(serializers.Field):
    default_error_messages = {"not_a_file": "Send the image as a file, not as text, a path or a URL."}

    def to_internal_value(self, data: Any) -> bytes:
        if not isinstance(data, bytes):
            self.fail("not_a_file")
        return data


class NewMedia(Strict):
    applicant = serializers.CharField(max_length=64, help_text="The applicant's id")
    kind = serializers.ChoiceField(Media.Kind.choices)
    file = ImageBytes(help_text="A JPEG, PNG or WebP; at most 15 MB and 50 megapixels unless configured otherwise")


class MediaShown(serializers.ModelSerializer):
    applicant = serializers.CharField(source="applicant_id")

    class Meta:
        model = Media
        fields = ["id", "applicant", "kind", "state", "width", "height", "grayscale", "source",
                  "created_at", "stored_at", "shredded_at"]  # fmt: skip


class MediaFilter(filters.FilterSet):
    applicant = filters.CharFilter("applicant_id")
    kind = filters.ChoiceFilter(choices=Media.Kind.choices)
    state = filters.ChoiceFilter(choices=[("stored", "Stored"), ("shredded", "Shredded")])
    created_after = filters.IsoDateTimeFilter("created_at", "gte")
    created_before = filters.IsoDateTimeFilter("created_at", "lt")


class AllMedia(ApiView):
    needs = {"GET": "media:read", "POST": "media:write"}
    queryset = Media.objects.none()
    filterset_class = MediaFilter
    parser_classes = [uploads.Form, uploads.Bare, uploads.BareOctets]

    @extend_schema(operation_id="media_list", responses=MediaShown(many=True))
    @reads
    def get(self, request: Request) -> Response:
        return self.listed(queries.media(), MediaShown)

    @extend_schema(
        operation_id="media_create",
        request={"multipart/form-data": NewMedia, "image/*": OpenApiTypes.BINARY,
                 "application/octet-stream": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter("applicant", description="With a bare image body: the applicant's id"),
            OpenApiParameter("kind", enum=Media.Kind.values, description="With a bare image body: what it shows"),
        ],
        responses={
            201: MediaShown,
            (410, "application/problem+json"): OpenApiTypes.OBJECT,
            (411, "application/problem+json"): OpenApiTypes.OBJECT,
        },
    )  # fmt: skip
    @writes
    def post(self, request: Request, prepared: Media) -> Response:
        row = services.finish(prepared, now=clock.now())
        return Response(MediaShown(row).data, status=201, headers={"Location": f"/v1/media/{row.pk}"})

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        uploads.refuse_unmeasured(request)

    def prepare(self, request: Request) -> Media:
        """Decoding, sealing and storing, before the transaction that makes it count."""
        given = self.valid(NewMedia)
        return services.upload(applicant_id=given["applicant"], kind=given["kind"], data=given["file"], now=clock.now())

    def fingerprint(self, request: Request) -> bytes:
        return uploads.fingerprint(request)


class OneMedia(ApiView):
    needs = {"GET": "media:read"}

    @extend_schema(operation_id="media_get", responses=MediaShown)
    @reads
    def get(self, request: Request, media_id: str) -> Response:
        return Response(MediaShown(queries.one(media_id)).data)


class Jpeg(BaseRenderer):
    media_type = "image/jpeg"
    format = "jpeg"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> Any:
        return data


class Content(ApiView):
    needs = {"GET": "media:read"}
    renderer_classes = [Jpeg, JSONRenderer]

    @extend_schema(
        operation_id="media_content",
        responses={
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (410, "application/problem+json"): OpenApiTypes.OBJECT,
        },
        description="The normalised image: upright, without metadata. Each reading is noted in the audit log.",
    )
    def get(self, request: Request, media_id: str) -> HttpResponse:
        jpeg = services.read(media_id, purpose="api")
        return HttpResponse(jpeg, content_type="image/jpeg", headers=SAFE_HEADERS)
