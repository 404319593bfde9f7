"""Every event there is. To add one: a line here, `services.emit` where the state changes,
and `python -m kyc.webhooks.tables` for its page."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "verification.created": "A verification was created.",
    "verification.awaiting_input": "It waits for images, a consent or a capture session.",
    "verification.processing": "All input is there; the checks run.",
    "verification.approved": "Decided: approved, by policy or by a person.",
    "verification.declined": "Decided: declined, by policy or by a person.",
    "verification.in_review": "A person has to decide.",
    "verification.resubmission_requested": "The input cannot be used; the reasons say what to change.",
    "verification.error": "The checks could not be finished for a reason of ours; never a decision.",
    "verification.expired": "The input did not come in time.",
    "verification.canceled": "Cancelled before a decision.",
    "verification.reopened": "An approved verification was opened again.",
    "capture_session.completed": "A liveness session has all its frames.",
    "capture_session.failed": "A liveness session used up its attempts.",
    "capture_session.expired": "A liveness session ended without them.",
    "applicant.created": "An applicant was created.",
    "applicant.erased": "An applicant's data was erased.",
    "consent.withdrawn": "A person withdrew a consent; what it allowed has stopped.",
    "template.enrolled": "A face template was enrolled.",
    "template.removed": "A face template was removed.",
    "job.succeeded": "A single job (detect, liveness, embed, compare, search) has its result.",
    "job.failed": "A single job was given up; its reason is in the API.",
    "export.ready": "A person's data export can be fetched.",
    "audit_checkpoint.signed": "A checkpoint of the audit log was signed: fetch and keep it. Not part of `*`.",
    "webhook_endpoint.disabled": "An endpoint failed for too long and was disabled. Sent to the others.",
    "webhook_endpoint.ping": "A test that was asked for. Sent to the pinged endpoint only.",
}
PING = "webhook_endpoint.ping"
DISABLED = "webhook_endpoint.disabled"
CHECKPOINT = "audit_checkpoint.signed"
EVERYTHING = "*"
BY_NAME_ONLY = frozenset({CHECKPOINT})  # one a minute: `*` means changes of state


def subscriptions() -> list[str]:
    """What an endpoint may subscribe to: `*`, a whole family (`verification.*`), or single types."""
    families = sorted({f"{family(name)}.*" for name in CATALOGUE})
    return [EVERYTHING, *families, *CATALOGUE]


def matches(event_type: str) -> list[str]:
    """The subscriptions that include this type."""
    named = [f"{family(event_type)}.*", event_type]
    return named if event_type in BY_NAME_ONLY else [EVERYTHING, *named]


def family(event_type: str) -> str:
    return event_type.partition(".")[0]
