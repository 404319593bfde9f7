"""Templates in pgvector: found exactly, never across tenants or models, turned by a secret only the tenant has."""

import math

import numpy as np
import pytest
from django.db import DatabaseError, connection

from kyc.core import clock
from kyc.core.scope import acting_as_system
from kyc.faces import queries, rotation, services
from kyc.faces.models import Template
from kyc.registry import services as registry
from tests.support.http import Api
from tests.support.seeing import DIMENSION, RECOGNISER, a_face, a_recogniser
from tests.support.worlds import a_bank, an_applicant, within

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _recogniser(committed_db):
    a_recogniser()


def enrolled(bank, angle=0.0, plane=1, sha=RECOGNISER, dimension=DIMENSION):
    person = an_applicant(bank)
    vector = a_face(angle, plane=plane).embedding if dimension == DIMENSION else tuple([1.0] + [0.0] * (dimension - 1))
    with within(bank):
        return services.enrol(
            applicant_id=person.pk, embedding=vector, model_sha256=sha, media_id=None, now=clock.now()
        )


def search(bank, angle=0.0, **how):
    with within(bank):
        return queries.search(a_face(angle).embedding, RECOGNISER, **how)


def test_the_nearest_come_first_with_their_exact_cosine():
    bank = a_bank()
    made = [enrolled(bank, angle) for angle in (0.9, 0.1, 0.5)]
    found = search(bank)
    assert [h.template_id for h in found.hits] == [made[1].pk, made[2].pk, made[0].pk]
    assert [h.score for h in found.hits] == pytest.approx([math.cos(a) for a in (0.1, 0.5, 0.9)], abs=1e-6)
    assert (found.searched, found.of, found.exact) == (3, 3, True)


def test_the_probes_own_template_is_left_out():
    bank = a_bank()
    own = enrolled(bank)
    assert search(bank, not_applicant=own.applicant_id).hits == ()


def test_what_is_stored_is_not_the_embedding_and_two_banks_store_different_ones():
    stored = []
    for bank in (a_bank(), a_bank()):
        template = enrolled(bank)
        with within(bank):
            stored.append(np.array(Template.objects.get(pk=template.pk).vector))
    plain = np.array(a_face().embedding)
    assert abs(stored[0] @ plain) < 0.99 and abs(stored[1] @ plain) < 0.99 and abs(stored[0] @ stored[1]) < 0.99
    assert np.linalg.norm(stored[0]) == pytest.approx(1, abs=1e-6)


def test_turning_keeps_every_cosine():
    bank, rng = a_bank(), np.random.default_rng(0)
    vectors = rng.standard_normal((20, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with within(bank):
        turned = np.stack([rotation.turn(v, rotation=1) for v in vectors])
        matrix = rotation.matrix(64, 1)
    assert np.allclose(matrix @ matrix.T, np.eye(64), atol=1e-12)
    assert np.allclose(turned @ turned.T, vectors @ vectors.T, atol=1e-6)


def test_a_rekeyed_tenant_finds_the_same_faces_with_other_vectors():
    bank = a_bank()
    made = [enrolled(bank, angle) for angle in (0.1, 0.5)]
    before = search(bank)
    with within(bank):
        old = {t.pk: np.array(t.vector) for t in Template.objects.all()}
        assert services.rekey(batch=1) == 2
        new = {t.pk: np.array(t.vector) for t in Template.objects.all()}
    after = search(bank)
    assert [h.template_id for h in after.hits] == [h.template_id for h in before.hits]
    assert [h.score for h in after.hits] == pytest.approx([h.score for h in before.hits], abs=1e-6)
    assert (after.searched, after.of) == (2, 2)
    assert all(abs(old[t.pk] @ new[t.pk]) < 0.999 for t in made)


def test_a_search_in_the_middle_of_rekeying_says_how_much_it_covered():
    bank = a_bank()
    enrolled(bank)
    from kyc.tenants.models import Tenant

    with within(bank):
        Tenant.objects.update(settings={"rotation": 2})
    enrolled(bank, 0.2)
    found = search(bank)
    assert (found.searched, found.of) == (1, 2)


def test_models_are_never_mixed():
    bank = a_bank()
    enrolled(bank)
    with acting_as_system("test"):
        registry.register(role="recogniser", name="other", version="1", sha256="b" * 64, licence="test", dimension=4,
                          now=clock.now())  # fmt: skip
    enrolled(bank, sha="b" * 64, dimension=4)
    assert len(search(bank).hits) == 1
    with within(bank):
        assert queries.against_template("app_x", a_face().embedding, "b" * 64) is None


def test_a_vector_of_the_wrong_size_is_refused_by_the_database():
    bank = a_bank()
    template = enrolled(bank)
    with pytest.raises(DatabaseError, match="wrong dimension"), within(bank), connection.cursor() as cursor:
        cursor.execute("update faces_template set vector = '[1,2]' where id = %s", [template.pk])


def test_a_removed_face_is_overwritten_and_found_no_more():
    bank = a_bank()
    template = enrolled(bank)
    Api(bank).client.delete(f"/v1/templates/{template.pk}")
    assert search(bank).hits == ()
    with within(bank):
        assert set(np.array(Template.objects.get(pk=template.pk).vector)) == {0.0}


def test_a_listed_face_is_found_also_for_its_own_applicant_and_named():
    bank = a_bank()
    api, template = Api(bank), enrolled(bank)
    made = api.post("/lists", {"name": "fraud"})
    assert api.post("/lists", {"name": "fraud"}, 409)["code"] == "list_exists"
    api.post(f"/lists/{made['id']}/entries", {"template": template.pk})
    hits = search(bank, not_applicant=template.applicant_id).hits
    assert [h.listed for h in hits] == ["fraud"]


def test_the_vector_is_never_returned():
    bank = a_bank()
    template = enrolled(bank)
    text = str(Api(bank).get(f"/templates/{template.pk}")) + str(Api(bank).get("/templates"))
    assert "vector" not in text and template.pk in text


def test_vectors_lie_in_the_row_and_not_in_toast(owner):
    owner.execute(
        "select attstorage from pg_attribute where attrelid = 'faces_template'::regclass and attname = 'vector'"
    )
    assert owner.fetchone()[0] in ("p", b"p")
