"""Pages. Reading a person's pictures is noted in the audit log (kyc.evidence.services.read)."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from kyc.applicants import queries as applicants
from kyc.audit import services as audit
from kyc.core import clock
from kyc.core.errors import NotFound, Problem
from kyc.core.scope import atomic
from kyc.evidence import services as evidence
from kyc.portal.access import DECIDE, READ, for_roles
from kyc.verifications import queries, reviews
from kyc.verifications.models import Proposal, Verification
from kyc.verifications.reasons import sentence
from kyc.verifications.states import State

SHOWN = 100  # cases on the queue page, longest waiting first


@require_GET
@for_roles(READ)
def queue(request):
    waiting = Verification.objects.filter(state=State.IN_REVIEW)
    with atomic():
        cases = list(waiting.select_related("applicant").order_by("priority", "state_since")[:SHOWN])
        total = waiting.count()
    return render(request, "portal/queue.html", {"cases": cases, "total": total, "member": request.member})


@require_http_methods(["GET", "POST"])
@for_roles(READ)
def case(request, case_id):
    wrong = None
    if request.method == "POST":
        wrong = _decide(request, case_id)
        if wrong is None:
            return redirect("portal-queue")
    with atomic():
        try:
            found = queries.verification(case_id)
        except NotFound as e:
            raise Http404 from e
        shown = {
            "case": found,
            "personal": applicants.personal(found.applicant),
            "checks": [c for c in found.checks.all() if c.submission == found.submission],
            "told": [sentence(code) for code in found.reasons],
            "proposal": found.proposals.filter(state=Proposal.State.OPEN).first(),
            "reasons": reviews.REASONS,
            "may_decide": request.member.role in DECIDE,
            "me": f"user:{request.user.pk}",
            "wrong": wrong,
        }
        audit.note(action="case.read", object_type="verifications_verification", object_id=found.pk)
    return render(request, "portal/case.html", shown | {"member": request.member}, status=409 if wrong else 200)


def _decide(request, case_id: str) -> Problem | None:
    """The problem, if the decision was not taken."""
    if request.member.role not in DECIDE:
        raise Http404
    said, now = request.POST, clock.now()
    try:
        match said.get("do"):
            case "confirm":
                reviews.confirm(proposal_id=said.get("proposal", ""), now=now)
            case "refuse":
                reviews.refuse(proposal_id=said.get("proposal", ""), now=now)
            case outcome:
                reviews.decide(
                    verification_id=case_id, outcome=str(outcome), reason=said.get("reason", ""),
                    note=said.get("note", "")[:2000], now=now,
                )  # fmt: skip
    except Problem as e:
        return e
    return None


@require_GET
@for_roles(READ)
def picture(request, media_id):
    try:
        jpeg = evidence.read(media_id, purpose="review")
    except NotFound as e:
        raise Http404 from e
    return HttpResponse(jpeg, content_type="image/jpeg", headers={"Cache-Control": "no-store"})


@require_POST
@for_roles(DECIDE)
def claim(request, case_id):
    try:
        reviews.claim(verification_id=case_id, now=clock.now())
    except NotFound as e:
        raise Http404 from e
    except Problem as e:
        return render(request, "portal/refused.html", {"wrong": e, "member": request.member}, status=409)
    return redirect("portal-case", case_id=case_id)
