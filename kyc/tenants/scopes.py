"""What a key may be allowed to do. `resource:read` and `resource:write`, and the few that matter alone."""

SCOPES = {
    "applicants:read": "Read applicants and consents",
    "applicants:write": "Create and change applicants, record and withdraw consents",
    "media:write": "Upload images",
    "media:read": "Read what was uploaded, including the images themselves",
    "verifications:read": "Read verifications, checks and decisions",
    "verifications:write": "Create, submit and cancel verifications",
    "scores:read": "See exact scores (a score oracle helps to rebuild a template: give it sparingly)",
    "templates:read": "List enrolled templates (never the vector)",
    "templates:write": "Enrol and remove templates, manage lists",
    "jobs:write": "Run single jobs: detect, liveness, embed, compare, search; release quarantined jobs",
    "capture:write": "Open liveness capture sessions",
    "policies:read": "Read policies",
    "policies:write": "Add policy versions",
    "models:read": "Read which models are in use and their calibration",
    "webhooks:read": "Read webhook endpoints, events and deliveries",
    "webhooks:write": "Manage webhook endpoints, resend deliveries",
    "audit:read": "Read and export the audit log, its checkpoints and proofs",
    "privacy:write": "Export and erase a person's data, set legal holds",
    "reviews:write": "Decide reviewed cases",
    "keys:write": "Create, rotate and revoke API keys",
}
ALL = tuple(SCOPES)
# What an onboarding flow needs, and no more.
ONBOARDING = (
    "applicants:read", "applicants:write", "media:write", "verifications:read", "verifications:write",
    "templates:read", "capture:write", "policies:read", "models:read", "webhooks:read", "webhooks:write",
)  # fmt: skip
