from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from kyc.core.ids import new_id
from kyc.vault.fields import SealedField
from kyc.verifications.states import KIND_CHOICES, STATE_CHOICES, Kind, State


def verification_id() -> str:
    return new_id("vrf")


def check_id() -> str:
    return new_id("chk")


def decision_id() -> str:
    return new_id("dec")


def proposal_id() -> str:
    return new_id("prp")


def policy_id() -> str:
    return new_id("pol")


def _known(column: str, values) -> Q:
    return Q(**{f"{column}__in": sorted(str(v) for v in values)})


class Policy(models.Model):
    """One immutable version of a tenant's rules. A decision names the version it was made under."""

    id = models.TextField(primary_key=True, default=policy_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    name = models.TextField(default="default")
    version = models.IntegerField()
    rules = models.JSONField()  # kyc.verifications.policy.Rules, validated before it is stored
    created_at = models.DateTimeField()
    created_by = models.TextField()
    approved_by = models.TextField(blank=True, default="")  # four eyes; empty: not asked for
    active = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint("tenant", "name", "version", name="a_policy_version_once"),
            models.UniqueConstraint("tenant", "name", condition=Q(active=True), name="one_active_version_per_policy"),
            models.CheckConstraint(
                condition=Q(approved_by="") | ~Q(approved_by=models.F("created_by")), name="policy_four_eyes"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Verification(models.Model):
    """The case. `state` moves by compare-and-set only (services.move); `submission` counts what the person sent."""

    id = models.TextField(primary_key=True, default=verification_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    applicant = models.ForeignKey("applicants.Applicant", models.PROTECT, related_name="verifications")
    kind = models.TextField(choices=KIND_CHOICES)
    policy = models.ForeignKey(Policy, models.PROTECT)
    state = models.TextField(choices=STATE_CHOICES, default=State.CREATED)
    state_since = models.DateTimeField()
    submission = models.SmallIntegerField(default=0)  # 0: nothing sent yet
    selfie = models.ForeignKey("evidence.Media", models.PROTECT, null=True, related_name="+")
    id_portrait = models.ForeignKey("evidence.Media", models.PROTECT, null=True, related_name="+")
    reasons = ArrayField(models.TextField(), default=list)  # of the present state, stable codes
    sandbox_outcome = models.TextField(blank=True, default="")
    priority = models.SmallIntegerField(default=0)
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)  # of the present submission
    decided_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_known("state", State), name="verification_state_known"),
            models.CheckConstraint(condition=_known("kind", Kind), name="verification_kind_known"),
            # what is being decided was sent: a selfie always, the portrait where the kind compares one
            models.CheckConstraint(
                condition=Q(state__in=["created", "awaiting_input", "expired", "canceled"])
                | Q(submission__gt=0, selfie__isnull=False),
                name="work_has_its_input",
            ),
            models.CheckConstraint(
                condition=~Q(kind="document_selfie") | Q(selfie=None) | Q(id_portrait__isnull=False),
                name="document_selfie_has_both",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "declined"]) | Q(decided_at__isnull=False),
                name="the_decided_say_when",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["declined", "resubmission_requested", "in_review"]) | Q(reasons__len__gt=0),
                name="no_refusal_without_a_reason",
            ),
        ]
        indexes = [
            models.Index("tenant", "state", "priority", "state_since", name="verification_queue"),
            models.Index("applicant", "created_at", name="verification_history"),
            models.Index("expires_at", name="verification_expiry", condition=Q(state="awaiting_input")),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.state}"


class Check(models.Model):
    """One question asked of one submission, with its answer and what answered."""

    class Result(models.TextChoices):
        PASS = "pass"  # noqa: S105
        FAIL = "fail"
        INCONCLUSIVE = "inconclusive"
        SKIPPED = "skipped"  # not asked, and `reasons` says why

    id = models.TextField(primary_key=True, default=check_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    verification = models.ForeignKey(Verification, models.CASCADE, related_name="checks")
    submission = models.SmallIntegerField()
    position = models.SmallIntegerField()  # in the order of asking
    name = models.TextField()  # consent, quality.selfie, liveness, match, duplicates, ...
    result = models.TextField(choices=Result.choices)
    reasons = ArrayField(models.TextField(), default=list)
    score = models.FloatField(null=True)  # of the model: cosine, or 0..1 for PAD
    fmr = models.FloatField(null=True)  # upper bound of the false match rate at the score
    threshold = models.FloatField(null=True)  # the score needed
    threshold_id = models.TextField(blank=True, default="")  # e.g. "match.fmr=0.001@mdl_...": what set it
    model = models.ForeignKey("registry.ModelVersion", models.PROTECT, null=True)
    detail = models.JSONField(default=dict)  # measures with units; geometry in pixels of the stored image
    milliseconds = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("verification", "submission", "name", name="a_check_once_per_submission"),
            models.CheckConstraint(
                condition=Q(result="pass") | Q(reasons__len__gt=0), name="no_check_fails_without_a_reason"
            ),
        ]


class Decision(models.Model):
    """What was decided, by whom, on what grounds. Never changed; a later one has a higher number."""

    id = models.TextField(primary_key=True, default=decision_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    verification = models.ForeignKey(Verification, models.CASCADE, related_name="decisions")
    number = models.SmallIntegerField()
    submission = models.SmallIntegerField()
    outcome = models.TextField()  # approved | declined | in_review | resubmission_requested
    reasons = ArrayField(models.TextField(), default=list)
    decided_by = models.TextField()  # "policy" or "user:..."
    second_by = models.TextField(blank=True, default="")  # four eyes
    policy = models.ForeignKey(Policy, models.PROTECT)
    evidence = models.JSONField()  # score, FMR at it, thresholds, model hashes: the decision's own words
    note = SealedField(null=True)  # a reviewer's free text may name the person
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("verification", "number", name="decisions_are_numbered"),
            models.UniqueConstraint(
                "verification", "submission", condition=Q(decided_by="policy"), name="the_policy_decides_once"
            ),
            models.CheckConstraint(
                condition=Q(second_by="") | ~Q(second_by=models.F("decided_by")), name="decision_four_eyes"
            ),
        ]


class ReviewClaim(models.Model):
    """Who is looking at a case now, so that two do not. Ends by itself when they leave."""

    verification = models.OneToOneField(Verification, models.CASCADE, primary_key=True, related_name="claim")
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    by = models.TextField()
    since = models.DateTimeField()
    until = models.DateTimeField()


class Proposal(models.Model):
    """A decision that needs a second person: proposed by one, confirmed or refused by another."""

    class State(models.TextChoices):
        OPEN = "open"
        CONFIRMED = "confirmed"
        REFUSED = "refused"

    id = models.TextField(primary_key=True, default=proposal_id)
    tenant = models.ForeignKey("tenants.Tenant", models.PROTECT)
    verification = models.ForeignKey(Verification, models.CASCADE, related_name="proposals")
    outcome = models.TextField()
    reason = models.TextField()
    note = SealedField(null=True)
    state = models.TextField(choices=State.choices, default=State.OPEN)
    proposed_by = models.TextField()
    proposed_at = models.DateTimeField()
    answered_by = models.TextField(blank=True, default="")
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("verification", condition=Q(state="open"), name="one_open_proposal_per_case"),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | ~Q(answered_by="") & ~Q(answered_by=models.F("proposed_by")),
                name="proposal_four_eyes",
            ),
        ]
