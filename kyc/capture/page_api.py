"""What the page (or the bank's own app) says during a session. Strict: unknown fields and wrong moments are errors."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from kyc.capture import attempts, packing, queries, services
from kyc.capture.auth import IsGuest, TokenAuthentication
from kyc.capture.errors import ChunkRefused, NotNow, SessionOver
from kyc.capture.models import Session
from kyc.capture.schema import PageSchema
from kyc.capture.states import ENDS_BY_TIME, OVER, State
from kyc.core import clock
from kyc.core.scope import atomic
from kyc.evidence import services as evidence
from kyc.evidence import uploads
from kyc.evidence.models import Media
from kyc.http.parsers import StrictJSONParser
from kyc.http.serializers import Strict
from kyc.http.views import ApiView

TAB = r"^[A-Za-z0-9-]{8,64}$"
# What the person can do about it, in place of the judge's words, which would teach an attacker.
HINTS = {
    "several_faces": "alone", "face_lost": "stay_in_frame", "frame_rate_low": "slow_device",
    "frames_missing": "slow_device", "motion_absent": "follow_signs", "motion_early": "follow_signs",
    "motion_wrong": "follow_signs", "point_not_followed": "follow_signs", "no_straight_look": "look_straight",
    "colour_response_absent": "less_light", "processing_failed": "our_fault",
}  # fmt: skip


class Chunked(BaseParser):
    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, bytes]:
        return {"body": stream.read(packing.MAX_BYTES + 1)}


class Decision(Strict):
    agreed = serializers.BooleanField()
    language = serializers.RegexField(r"^[a-z]{2}$")


class Beginning(Strict):
    tab = serializers.RegexField(TAB)
    camera = serializers.CharField(max_length=200, allow_blank=True, default="")
    take_over = serializers.BooleanField(default=False)


class Timed(Strict):
    tab = serializers.RegexField(TAB)
    clock = serializers.FloatField(min_value=0, max_value=packing.MAX_AT, help_text="s on the page's clock")
    shown = serializers.FloatField(min_value=0, max_value=packing.MAX_AT, required=False, allow_null=True,
                                   help_text="s on the page's clock when it showed the step before")  # fmt: skip


class Asking(Timed):
    step = serializers.IntegerField(min_value=0, max_value=20)


class Finishing(Timed):
    chunks = serializers.IntegerField(min_value=1, max_value=200)


class PageApi(ApiView):
    schema = PageSchema()
    authentication_classes = [TokenAuthentication]
    permission_classes = [IsGuest]
    parser_classes = [StrictJSONParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        with atomic():
            self.session = queries.session(request.user.session.pk)
        self.now = clock.now()

    def living(self) -> Session:
        """The session, unless its time is over. An attempt that began in time may end later."""
        late = self.session.expires_at <= self.now and self.session.state not in (State.RECORDING, State.JUDGING)
        if self.session.state in OVER or late:
            raise SessionOver()
        return self.session

    def told(self, status: int = 200) -> Response:
        with atomic():
            return Response(shown(queries.session(self.session.pk), clock.now()), status=status)


def shown(session: Session, now: Any) -> dict[str, Any]:
    """The session as its page needs it, and no more: no scores, no applicant."""
    running = queries.running(session)
    late = session.expires_at <= now and session.state in ENDS_BY_TIME
    return {
        "id": session.pk, "state": State.EXPIRED if late else session.state, "document": session.wants_document,
        "language": session.language, "return_url": session.return_url, "attempts_left": session.attempts_left,
        "expires_at": session.expires_at, "theme": theme(session), "tenant": session.tenant.name,
        "hints": sorted({HINTS.get(reason, "try_again") for reason in session.reasons}),
        "attempt": None if running is None else {
            "number": running.number, "state": running.state, "tab": running.tab,
            "received": queries.numbers_received(running),
        },
    }  # fmt: skip


def theme(session: Session) -> dict[str, str]:
    """The tenant's colours and logo; the page checks them again before it uses them."""
    given = (session.tenant.settings or {}).get("theme", {})
    return {name: str(given[name]) for name in ("colour", "on_colour", "logo", "name") if name in given}


class Here(PageApi):
    @extend_schema(operation_id="capture_read", responses=OpenApiTypes.OBJECT, tags=["capture page"])
    def get(self, request: Request) -> Response:
        return self.told()


class Consenting(PageApi):
    @extend_schema(operation_id="capture_consent", request=Decision, responses=OpenApiTypes.OBJECT,
                   tags=["capture page"])  # fmt: skip
    def post(self, request: Request) -> Response:
        given, session = self.valid(Decision), self.living()
        if given["agreed"]:
            services.consent(session=session, language=given["language"], now=self.now)
        else:
            services.decline(session=session, now=self.now)
        return self.told()


class Attempts(PageApi):
    @extend_schema(operation_id="capture_attempt", request=Beginning, responses={201: OpenApiTypes.OBJECT},
                   tags=["capture page"])  # fmt: skip
    def post(self, request: Request) -> Response:
        given = self.valid(Beginning)
        attempts.begin(session=self.living(), tab=given["tab"], camera=given["camera"],
                       take_over=given["take_over"], now=self.now)  # fmt: skip
        return self.told(status=201)


class Steps(PageApi):
    @extend_schema(operation_id="capture_step", request=Asking, responses=OpenApiTypes.OBJECT, tags=["capture page"])
    def post(self, request: Request) -> Response:
        given = self.valid(Asking)
        step = attempts.ask(session=self.living(), number=given["step"], tab=given["tab"], clock=given["clock"],
                            shown=given.get("shown"), now=self.now)  # fmt: skip
        with atomic():
            attempt = queries.running(self.session)
        last = attempt is not None and given["step"] == len(attempt.steps) - 1
        return Response(step | {"number": given["step"], "last": last})


class Chunks(PageApi):
    parser_classes = [Chunked]

    @extend_schema(operation_id="capture_chunk", request={"application/octet-stream": OpenApiTypes.BINARY},
                   responses={204: None}, tags=["capture page"])  # fmt: skip
    def put(self, request: Request, number: int) -> Response:
        uploads.refuse_unmeasured(request)
        if int(request.META.get("CONTENT_LENGTH") or 0) > packing.MAX_BYTES:
            raise ChunkRefused()
        attempts.receive(session=self.living(), number=number, body=request.data.get("body", b""), now=self.now)
        return Response(status=204)


class Finish(PageApi):
    @extend_schema(operation_id="capture_finish", request=Finishing, responses=OpenApiTypes.OBJECT,
                   tags=["capture page"])  # fmt: skip
    def post(self, request: Request) -> Response:
        given = self.valid(Finishing)
        if self.session.state not in (State.RECORDING, State.JUDGING):
            return self.told()  # judged already: the answer to an earlier finish was lost
        attempts.finish(session=self.session, tab=given["tab"], chunks=given["chunks"], clock=given["clock"],
                        shown=given.get("shown"), now=self.now)  # fmt: skip
        return self.told()


class Portrait(PageApi):
    parser_classes = [uploads.Form, uploads.Bare, uploads.BareOctets]

    @extend_schema(operation_id="capture_portrait", request={"image/*": OpenApiTypes.BINARY},
                   responses=OpenApiTypes.OBJECT, tags=["capture page"])  # fmt: skip
    def put(self, request: Request) -> Response:
        uploads.refuse_unmeasured(request)
        session = self.living()
        if session.state != State.PASSED:
            raise NotNow()
        portrait = evidence.store(applicant_id=session.applicant_id, kind=Media.Kind.ID_PORTRAIT,
                                  data=request.data.get("file", b""), now=self.now)  # fmt: skip
        services.document_shown(session=session, portrait=portrait, now=self.now)
        return self.told()
