"""The log's tables. Nobody writes them through these classes: triggers write events, the sealer the rest."""

from django.db import models


class Event(models.Model):
    """One write to a regulated table, or one noted act. Written by `audit_row()` / `audit_note()` only."""

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.TextField(null=True)  # no foreign key: the log outlives what it speaks of
    actor = models.TextField()
    action = models.TextField()  # "applicants_applicant.update", "media.read"
    object_type = models.TextField()
    object_id = models.TextField()
    before = models.BinaryField(null=True)  # SHA-256 of the row, docs/audit.md says of what exactly
    after = models.BinaryField(null=True)
    changes = models.JSONField(default=dict)  # declared non-personal columns: {name: [old, new]}
    detail = models.JSONField(default=dict)
    request_id = models.TextField()
    txid = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant_id", "at"], name="audit_event_by_time"),
            models.Index(fields=["object_id", "id"], name="audit_event_by_object"),
            models.Index(fields=["tenant_id", "actor", "id"], name="audit_event_by_actor"),
        ]


class Leaf(models.Model):
    """Where an event stands in its log."""

    pk = models.CompositePrimaryKey("log", "index")
    log = models.TextField()  # the tenant's id, or "platform"
    index = models.BigIntegerField()
    event_id = models.BigIntegerField(unique=True)  # no foreign key: a deleted event must leave its trace
    leaf_hash = models.BinaryField(max_length=32)


class Node(models.Model):
    """A complete subtree of 2**level events. Only every fourth level is kept, see services.STRIDE."""

    pk = models.CompositePrimaryKey("log", "level", "index")
    log = models.TextField()
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)


class Checkpoint(models.Model):
    """A signed statement of a log's size and root; `note` is what outsiders keep."""

    id = models.BigAutoField(primary_key=True)
    log = models.TextField()
    tree_size = models.BigIntegerField()
    root = models.BinaryField(max_length=32)
    at = models.DateTimeField()
    key_id = models.TextField()
    note = models.TextField()

    class Meta:
        constraints = [  # two roots for one size is what a forked log would need
            models.UniqueConstraint(fields=["log", "tree_size"], name="one_checkpoint_per_size")
        ]


class Publication(models.Model):
    """This checkpoint has reached that place outside the database."""

    id = models.BigAutoField(primary_key=True)
    checkpoint = models.ForeignKey(Checkpoint, models.PROTECT)
    target = models.TextField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["checkpoint", "target"], name="published_once_per_place")]


class Head(models.Model):
    """The sealer's bookmark per log. A wrong one shows as a gap or a refused duplicate, never as silence."""

    log = models.TextField(primary_key=True)
    size = models.BigIntegerField()
    signed_size = models.BigIntegerField(default=0)
    signed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["log"], name="audit_head_unsigned", condition=models.Q(size__gt=models.F("signed_size"))
            )
        ]


class Horizon(models.Model):
    """Below `mark` every event is sealed; the search for unsealed ones starts there (services._look_out)."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    mark = models.BigIntegerField(default=0)
    candidate = models.BigIntegerField(default=0)
    candidate_xid = models.BigIntegerField(default=0)
