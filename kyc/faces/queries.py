"""1:1 and 1:N over templates. Every answer says what was searched."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connections
from pgvector import Vector

from kyc.core.errors import NotFound
from kyc.core.scope import alias, current
from kyc.faces import rotation
from kyc.faces.answers import Hit, Search, Similarity
from kyc.faces.models import Template
from kyc.registry import queries as registry
from kyc.registry.models import ModelVersion
from kyc.tenants.models import Tenant

# Unit vectors: the inner product is the cosine, and <#> (its negative) spares pgvector two norms.
NEAREST = """
    select t.id, t.applicant_id, coalesce(l.name, ''), -(t.vector <#> %(probe)s::vector) as cosine
    from faces_template t left join faces_facelist l on l.id = t.listed_id
    where t.model_id = %(model)s and t.rotation = %(rotation)s and t.removed_at is null
      and (t.applicant_id <> %(not_applicant)s or t.listed_id is not null)
    order by t.vector <#> %(probe)s::vector limit %(limit)s
"""


def templates():
    return Template.objects.filter(removed_at=None)


def template(template_id: str) -> Template:
    found = templates().filter(pk=template_id).first()
    if found is None:
        raise NotFound()
    return found


def enrolled(applicant_id: str) -> bool:
    """Has the person a template under the recogniser now in use?"""
    model = registry.active("recogniser")
    return model is not None and _own(applicant_id, model) is not None


def against_template(applicant_id: str, embedding: Sequence[float], model_sha256: str) -> Similarity | None:
    """1:1, exact. None when the person has no template of this very model: versions are never compared."""
    model = registry.by_hash(model_sha256)
    found = _own(applicant_id, model) if model else None
    if found is None:
        return None
    probe = rotation.turn(embedding, rotation=found.rotation)
    return Similarity(float(probe @ found.vector), f"template:{found.pk}")


def search(embedding: Sequence[float], model_sha256: str, *, not_applicant: str = "", limit: int = 10) -> Search | None:
    """1:N over the tenant's gallery, exact. None when the model is unknown."""
    model = registry.by_hash(model_sha256)
    if model is None:
        return None
    number = current_rotation()
    probe = Vector(rotation.turn(embedding, rotation=number)).to_text()
    gallery = templates().filter(model=model)
    of, searched = gallery.count(), gallery.filter(rotation=number).count()
    with connections[alias()].cursor() as cursor:
        cursor.execute(
            NEAREST,
            {"probe": probe, "model": model.pk, "rotation": number, "not_applicant": not_applicant, "limit": limit},
        )
        hits = tuple(Hit(applicant, id_, cosine, listed) for id_, applicant, listed, cosine in cursor.fetchall())
    return Search(hits=hits, searched=searched, of=of, exact=True)


def current_rotation() -> int:
    return Tenant.objects.values_list("settings__rotation", flat=True).get(pk=current().tenant_id) or 1


def _own(applicant_id: str, model: ModelVersion) -> Template | None:
    return templates().filter(applicant_id=applicant_id, model=model, listed=None).first()
