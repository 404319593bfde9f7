from __future__ import annotations

from datetime import timedelta

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response

from kyc.core import clock
from kyc.http.serializers import Strict
from kyc.http.views import ApiView, reads, writes
from kyc.webhooks import queries, services
from kyc.webhooks.catalogue import subscriptions
from kyc.webhooks.models import Delivery, DeliveryAttempt, Endpoint, Event
from kyc.webhooks.services import IssuedEndpoint
from kyc.webhooks.targets import MAX_URL

MANAGE = {"GET": "webhooks:read", "POST": "webhooks:write", "PATCH": "webhooks:write", "DELETE": "webhooks:write"}


class NewEndpoint(Strict):
    url = serializers.CharField(max_length=MAX_URL, help_text="https, port 443 or 8443, a public address")
    event_types = serializers.ListField(
        child=serializers.ChoiceField([(name, name) for name in subscriptions()]), min_length=1, max_length=64,
        help_text="`*`, families such as `verification.*`, or single types",
    )  # fmt: skip
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)


class ChangedEndpoint(NewEndpoint):
    def get_fields(self):
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


class Rotation(Strict):
    overlap_hours = serializers.IntegerField(
        min_value=0, max_value=168, default=24, help_text="How long the old secret signs beside the new one"
    )


class Recovery(Strict):
    since = serializers.DateTimeField(help_text="Given up at this time or later")


class Recovered(serializers.Serializer):
    deliveries = serializers.IntegerField(help_text="How many were started; at most 1000 per request")


class EndpointShown(serializers.ModelSerializer):
    failing_since = serializers.DateTimeField(source="health.failing_since", read_only=True, allow_null=True)
    last_success_at = serializers.DateTimeField(source="health.last_success_at", read_only=True, allow_null=True)
    old_secret_until = serializers.DateTimeField(source="previous_expires_at", read_only=True, allow_null=True)

    class Meta:
        model = Endpoint
        fields = [
            "id", "url", "description", "event_types", "state", "disabled_reason", "failing_since",
            "last_success_at", "old_secret_until", "created_at",
        ]  # fmt: skip


class EndpointIssued(EndpointShown):
    secret = serializers.CharField(help_text="Shown this once. Verify `Vouch-Signature` with it.")

    class Meta(EndpointShown.Meta):
        fields = [*EndpointShown.Meta.fields, "secret"]


class ObjectShown(serializers.Serializer):
    type = serializers.CharField(source="object_type")
    id = serializers.CharField(source="object_id")
    status = serializers.CharField()


class EventShown(serializers.ModelSerializer):
    """The same content as the webhook's body."""

    object = ObjectShown(source="*", read_only=True)

    class Meta:
        model = Event
        fields = ["id", "type", "created_at", "sequence", "object"]


class AttemptShown(serializers.ModelSerializer):
    duration_ms = serializers.SerializerMethodField()

    class Meta:
        model = DeliveryAttempt
        fields = ["number", "started_at", "duration_ms", "status", "error", "address"]

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_duration_ms(self, row) -> int | None:
        return None if row.duration is None else round(row.duration * 1000)


class DeliveryListed(serializers.ModelSerializer):
    event = serializers.CharField(source="event_id")
    event_type = serializers.CharField(source="event.type")
    endpoint = serializers.CharField(source="endpoint_id")
    attempts_made = serializers.IntegerField(source="attempt")

    class Meta:
        model = Delivery
        fields = [
            "id", "event", "event_type", "endpoint", "object_id", "sequence", "manual", "state", "attempts_made",
            "next_attempt_at", "last_status", "last_error", "created_at", "finished_at",
        ]  # fmt: skip


class DeliveryShown(DeliveryListed):
    attempts = AttemptShown(many=True, read_only=True)

    class Meta(DeliveryListed.Meta):
        fields = [*DeliveryListed.Meta.fields, "attempts"]


class EventFilter(filters.FilterSet):
    type = filters.CharFilter()
    object_id = filters.CharFilter()
    created_after = filters.IsoDateTimeFilter("created_at", "gte")
    created_before = filters.IsoDateTimeFilter("created_at", "lt")


class DeliveryFilter(filters.FilterSet):
    event = filters.CharFilter("event_id")
    endpoint = filters.CharFilter("endpoint_id")
    object_id = filters.CharFilter()
    state = filters.MultipleChoiceFilter(choices=Delivery._meta.get_field("state").choices)
    created_after = filters.IsoDateTimeFilter("created_at", "gte")
    created_before = filters.IsoDateTimeFilter("created_at", "lt")


class Endpoints(ApiView):
    needs = MANAGE
    queryset = Endpoint.objects.none()

    @extend_schema(operation_id="webhook_endpoints_list", responses=EndpointShown(many=True))
    @reads
    def get(self, request):
        return self.listed(queries.endpoints(), EndpointShown)

    @extend_schema(operation_id="webhook_endpoints_create", request=NewEndpoint, responses={201: EndpointIssued})
    @writes
    def post(self, request):
        issued = services.create_endpoint(**self.valid(NewEndpoint), now=clock.now())
        return _with_secret(issued, status=201)


class OneEndpoint(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="webhook_endpoints_get", responses=EndpointShown)
    @reads
    def get(self, request, endpoint_id):
        return Response(EndpointShown(queries.endpoint(endpoint_id)).data)

    @extend_schema(operation_id="webhook_endpoints_change", request=ChangedEndpoint, responses=EndpointShown)
    @writes
    def patch(self, request, endpoint_id):
        row = services.change_endpoint(endpoint_id=endpoint_id, **self.valid(ChangedEndpoint))
        return Response(EndpointShown(row).data)

    @extend_schema(operation_id="webhook_endpoints_delete", responses={204: None})
    @writes
    def delete(self, request, endpoint_id):
        services.delete_endpoint(endpoint_id=endpoint_id, now=clock.now())
        return Response(status=204)


class RotateSecret(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="webhook_endpoints_rotate_secret", request=Rotation, responses=EndpointIssued)
    @writes
    def post(self, request, endpoint_id):
        overlap = timedelta(hours=self.valid(Rotation)["overlap_hours"])
        return _with_secret(services.rotate_secret(endpoint_id=endpoint_id, now=clock.now(), overlap=overlap))


class Enable(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="webhook_endpoints_enable", request=None, responses=EndpointShown)
    @writes
    def post(self, request, endpoint_id):
        return Response(EndpointShown(services.enable_endpoint(endpoint_id=endpoint_id)).data)


class Disable(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="webhook_endpoints_disable", request=None, responses=EndpointShown)
    @writes
    def post(self, request, endpoint_id):
        row = services.disable_endpoint(endpoint_id=endpoint_id, reason="requested", now=clock.now())
        return Response(EndpointShown(row).data)


class Ping(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="webhook_endpoints_ping", request=None, responses={202: DeliveryShown})
    @writes
    def post(self, request, endpoint_id):
        return _started(services.ping(endpoint_id=endpoint_id, now=clock.now()))


class Recover(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="webhook_endpoints_recover", request=Recovery, responses={202: Recovered})
    @writes
    def post(self, request, endpoint_id):
        started = services.recover(endpoint_id=endpoint_id, since=self.valid(Recovery)["since"], now=clock.now())
        return Response({"deliveries": len(started)}, status=202)


class Events(ApiView):
    needs = MANAGE
    queryset = Event.objects.none()
    filterset_class = EventFilter

    @extend_schema(operation_id="events_list", responses=EventShown(many=True))
    @reads
    def get(self, request):
        return self.listed(queries.events(), EventShown)


class OneEvent(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="events_get", responses=EventShown)
    @reads
    def get(self, request, event_id):
        return Response(EventShown(queries.event(event_id)).data)


class Deliveries(ApiView):
    needs = MANAGE
    queryset = Delivery.objects.none()
    filterset_class = DeliveryFilter

    @extend_schema(operation_id="deliveries_list", responses=DeliveryListed(many=True))
    @reads
    def get(self, request):
        return self.listed(queries.deliveries(), DeliveryListed)


class OneDelivery(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="deliveries_get", responses=DeliveryShown)
    @reads
    def get(self, request, delivery_id):
        return Response(DeliveryShown(queries.delivery(delivery_id)).data)


class Resend(ApiView):
    needs = MANAGE

    @extend_schema(operation_id="deliveries_resend", request=None, responses={202: DeliveryShown})
    @writes
    def post(self, request, delivery_id):
        return _started(services.resend(delivery_id=delivery_id, now=clock.now()))


def _with_secret(issued: IssuedEndpoint, *, status: int = 200) -> Response:
    shown = {**EndpointShown(issued.endpoint).data, "secret": issued.secret}
    return Response(shown, status=status, headers={"Location": f"/v1/webhook_endpoints/{issued.endpoint.pk}"})


def _started(delivery: Delivery) -> Response:
    row = queries.delivery(delivery.pk)
    return Response(DeliveryShown(row).data, status=202, headers={"Location": f"/v1/deliveries/{row.pk}"})
