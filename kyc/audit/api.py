from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable

from django.db.models import OuterRef, Subquery
from django.http import FileResponse
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response

from kyc.audit import page, queries, services, sheet
from kyc.audit.export import Selection, lines
from kyc.audit.merkle import consistency_ranges, inclusion_ranges
from kyc.audit.models import Checkpoint, Event, Leaf
from kyc.core.errors import InvalidInput, NotFound
from kyc.core.scope import current
from kyc.http.serializers import Strict
from kyc.http.views import ApiView, reads

READ = {"GET": "audit:read"}
LARGEST = 2**53 - 1  # what JSON's readers agree on
IN_MEMORY = 4 * 2**20  # bytes of an export before it goes to a file; events hold pseudonyms only

Format = tuple[str, Callable[[Iterable[bytes]], Iterable[bytes]]]
FORMATS: dict[str, Format] = {
    "jsonl": ("application/x-ndjson", lambda found: found),
    "csv": ("text/csv; charset=utf-8", sheet.as_csv),
    "html": ("text/html; charset=utf-8", page.render),
}


class AuditObject(serializers.Serializer):
    type = serializers.CharField(source="object_type")
    id = serializers.CharField(source="object_id")


class AuditEvent(serializers.ModelSerializer):
    index = serializers.IntegerField(allow_null=True, help_text="In the tenant's log; null until it is sealed")
    object = AuditObject(source="*", read_only=True)
    changes = serializers.DictField(help_text="Columns declared non-personal: name to [old, new]")
    before = serializers.SerializerMethodField(help_text="SHA-256 of the row before, hex")
    after = serializers.SerializerMethodField(help_text="SHA-256 of the row after, hex")

    class Meta:
        model = Event
        fields = [
            "id",
            "index",
            "at",
            "actor",
            "action",
            "object",
            "changes",
            "detail",
            "before",
            "after",
            "request_id",
        ]

    def get_before(self, event: Event) -> str | None:
        return event.before and bytes(event.before).hex()

    def get_after(self, event: Event) -> str | None:
        return event.after and bytes(event.after).hex()


class AuditCheckpoint(serializers.ModelSerializer):
    root = serializers.SerializerMethodField(help_text="Hex")
    note = serializers.CharField(help_text="The signed checkpoint itself: keep this, outside of Vouch")

    class Meta:
        model = Checkpoint
        fields = ["log", "tree_size", "root", "at", "key_id", "note"]

    def get_root(self, row: Checkpoint) -> str:
        return bytes(row.root).hex()


class InclusionProof(serializers.Serializer):
    log = serializers.CharField()
    index = serializers.IntegerField()
    leaf = serializers.CharField(help_text="Leaf hash (RFC 9162), hex")
    tree_size = serializers.IntegerField()
    root = serializers.CharField(help_text="Hex")
    proof = serializers.ListField(child=serializers.CharField(help_text="Hex"))


class ConsistencyProof(serializers.Serializer):
    log = serializers.CharField()
    old_size = serializers.IntegerField()
    new_size = serializers.IntegerField()
    proof = serializers.ListField(child=serializers.CharField(help_text="Hex"))


class InclusionAsked(Strict):
    event = serializers.IntegerField(min_value=1, max_value=LARGEST, required=False, help_text="An event's id")
    index = serializers.IntegerField(min_value=0, max_value=LARGEST, required=False, help_text="Or its index")
    tree_size = serializers.IntegerField(
        min_value=1, max_value=LARGEST, required=False, help_text="Default: the last checkpoint's"
    )


class ConsistencyAsked(Strict):
    old_size = serializers.IntegerField(min_value=1, max_value=LARGEST)
    new_size = serializers.IntegerField(
        min_value=1, max_value=LARGEST, required=False, help_text="Default: the last checkpoint's"
    )


class ExportAsked(Strict):
    since = serializers.DateTimeField(required=False, help_text="Events at this time or later")
    until = serializers.DateTimeField(required=False, help_text="Events before this time")
    actor = serializers.CharField(required=False, max_length=200)
    action = serializers.CharField(required=False, max_length=200)
    object_type = serializers.CharField(required=False, max_length=200)
    object_id = serializers.CharField(required=False, max_length=200)
    against = serializers.IntegerField(
        min_value=1, max_value=LARGEST, required=False, help_text="Size of a checkpoint you keep: prove continuity"
    )
    form = serializers.ChoiceField(list(FORMATS), default="jsonl", help_text="What vouch-verify reads is jsonl")


class EventFilter(filters.FilterSet):
    actor = filters.CharFilter()
    action = filters.CharFilter()
    object_type = filters.CharFilter()
    object_id = filters.CharFilter()
    request_id = filters.CharFilter()
    since = filters.IsoDateTimeFilter("at", "gte")
    until = filters.IsoDateTimeFilter("at", "lt")


class Events(ApiView):
    needs = READ
    queryset = Event.objects.none()
    filterset_class = EventFilter

    @extend_schema(operation_id="audit_events_list", responses=AuditEvent(many=True))
    @reads
    def get(self, request):
        where = Leaf.objects.filter(event_id=OuterRef("pk")).values("index")
        return self.listed(Event.objects.annotate(index=Subquery(where)), AuditEvent)


class Checkpoints(ApiView):
    needs = READ
    queryset = Checkpoint.objects.none()

    @extend_schema(operation_id="audit_checkpoints_list", responses=AuditCheckpoint(many=True))
    @reads
    def get(self, request):
        return self.listed(Checkpoint.objects.all(), AuditCheckpoint)


class Inclusion(ApiView):
    needs = READ

    @extend_schema(operation_id="audit_inclusion_proof", parameters=[InclusionAsked], responses=InclusionProof)
    @reads
    def get(self, request):
        asked, log = _asked(self, InclusionAsked), _log()
        size = _size(log, asked.get("tree_size"))
        index = _index(log, asked)
        if index >= size:
            raise NotFound("That event is not in a tree of this size.")
        return Response(
            {
                "log": log,
                "index": index,
                "leaf": queries.hashes([(log, 0, index)])[log, 0, index].hex(),
                "tree_size": size,
                "root": queries.root(log, size).hex(),
                "proof": [h.hex() for h in queries.proof(log, inclusion_ranges(index, size))],
            }
        )


class Consistency(ApiView):
    needs = READ

    @extend_schema(operation_id="audit_consistency_proof", parameters=[ConsistencyAsked], responses=ConsistencyProof)
    @reads
    def get(self, request):
        asked, log = _asked(self, ConsistencyAsked), _log()
        old, new = asked["old_size"], _size(log, asked.get("new_size"))
        if old > new:
            raise InvalidInput(fields={"old_size": ["Cannot be larger than new_size."]})
        proof = queries.proof(log, consistency_ranges(old, new))
        return Response({"log": log, "old_size": old, "new_size": new, "proof": [h.hex() for h in proof]})


class _Ndjson(BaseRenderer):
    """Names what the export may be; the view answers with a file, so nothing is rendered here."""

    media_type, format = "application/x-ndjson", "jsonl"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return JSONRenderer().render(data)


class _Csv(_Ndjson):
    media_type, format = "text/csv", "csv"


class _Html(_Ndjson):
    media_type, format = "text/html", "html"


class Export(ApiView):
    """A range proves that nothing was left out; a selection carries a proof for each event."""

    needs = READ
    renderer_classes = [JSONRenderer, _Ndjson, _Csv, _Html]

    @extend_schema(
        operation_id="audit_export", parameters=[ExportAsked],
        responses={(200, kind.partition(";")[0]): OpenApiTypes.BINARY for kind, _ in FORMATS.values()},
    )  # fmt: skip
    @reads
    def get(self, request):
        asked = dict(_asked(self, ExportAsked))
        form, against = asked.pop("form"), asked.pop("against", None)
        wanted = Selection(**asked)
        log = _log()
        services.note(action="audit_log.exported", object_type="audit_log", object_id=log,
                      detail={"form": form, **wanted.words()})  # fmt: skip
        kind, written = FORMATS[form]
        # written whole before it is sent: an error is a problem and not half a file, and no slow reader
        # holds a transaction open
        file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  (the response closes it)
        file.writelines(written(lines(log, wanted, against=against)))
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=f"audit-{log}.{form}", content_type=kind)


def _log() -> str:
    """A key belongs to a tenant, and a tenant's log bears its id."""
    tenant = current().tenant_id
    assert tenant is not None
    return tenant


def _asked(view: ApiView, serializer: type[Strict]) -> dict:
    """The query, validated as strictly as a body."""
    query = {k: v for k, v in view.request.query_params.items() if k != "wait"}
    checked = serializer(data=query)
    checked.is_valid(raise_exception=True)
    return checked.validated_data


def _size(log: str, wanted: int | None) -> int:
    size = wanted or queries.last_checkpoint(log).tree_size
    if size > queries.size(log):
        raise NotFound("The log is not that large.", next_step="Ask for a size that a checkpoint names.")
    return size


def _index(log: str, asked: dict) -> int:
    if ("event" in asked) == ("index" in asked):
        raise InvalidInput(fields={"event": ["Name either the event or its index."]})
    if "index" in asked:
        return asked["index"]
    leaf = Leaf.objects.filter(log=log, event_id=asked["event"]).first()
    if leaf is None:
        raise NotFound(
            "There is no such sealed event.", next_step="An event is sealed a second or two after it happens."
        )
    return leaf.index
