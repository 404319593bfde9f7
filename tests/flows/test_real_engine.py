"""HTTP in, the real engine on real photographs, HTTP out: pictures no comparison can be made of, and some it can."""

import io

import pytest
from PIL import Image

from demo.photos import FOLDER, as_jpeg, photo, side_by_side
from kyc.core import clock
from kyc.core.scope import acting_as_system, acting_for
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from tests.ml.conftest import packs_root  # noqa: F401  (a fixture)
from tests.support.http import Api
from tests.support.worlds import a_bank, an_applicant
from workers import engine
from workers.tasks import verify

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(scope="module", autouse=True)
def _engine(packs_root, django_db_blocker, stack_urls):  # noqa: F811
    """Loaded as a gpu worker loads it, its models registered."""
    patch = pytest.MonkeyPatch()
    patch.setenv("VOUCH_PACKS", str(packs_root))
    with django_db_blocker.unblock():
        engine.load()
        yield
    patch.undo()


def decided(selfie: bytes, portrait: bytes | None = None) -> dict:
    """A document_selfie case of a new person, worked on by the worker's own task."""
    bank = a_bank()
    api, person = Api(bank), an_applicant(bank).pk
    media = {
        "selfie": api.upload(person, "selfie", selfie)["id"],
        "id_portrait": api.upload(person, "id_portrait", portrait or photo("obama"))["id"],
    }
    case = api.post("/verifications", {"applicant": person, "kind": "document_selfie", **media}, 202)
    with acting_as_system("test"):
        job = Job.objects.get(subject_id=case["id"], state="pending")
        claim = outbox.claim(job_id=job.pk, worker="test", now=clock.now())
        with acting_for(bank.tenant.pk, actor=claim.actor):
            verify.work(claim)
    return api.get(f"/verifications/{case['id']}")


def reasons(case: dict) -> set[str]:
    return {r["code"] for r in case["reasons"]}


def landscape() -> bytes:
    return as_jpeg(Image.linear_gradient("L").resize((400, 300)).convert("RGB"))


def forty_faces() -> bytes:
    names = ["obama", "biden", "collins", "obama2", "obama3"] * 8
    sheet = Image.new("RGB", (8 * 200, 5 * 240))
    for n, name in enumerate(names):
        face = Image.open(FOLDER / f"{name}.jpg").resize((200, 240))
        sheet.paste(face, (n % 8 * 200, n // 8 * 240))
    return as_jpeg(sheet)


def grayscale(name: str) -> bytes:
    out = io.BytesIO()
    Image.open(FOLDER / f"{name}.jpg").convert("L").save(out, "JPEG", quality=92)
    return out.getvalue()


def on_its_side(name: str) -> bytes:
    """Pixels turned a quarter, and EXIF saying so: upright for whoever honours it."""
    image = Image.open(FOLDER / f"{name}.jpg").rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, exif=exif)
    return out.getvalue()


def test_the_same_person_is_approved_and_says_what_the_score_means():
    case = decided(photo("obama2"))
    match = next(c for c in case["checks"] if c["name"] == "match")
    assert case["state"] == "approved"
    assert match["score"] > match["threshold"] and match["fmr"] <= 1e-3


def test_another_person_is_declined():
    case = decided(photo("biden"))
    assert (case["state"], reasons(case)) == ("declined", {"face_mismatch"})


def test_no_face_is_asked_for_again():
    case = decided(landscape())
    assert (case["state"], reasons(case)) == ("resubmission_requested", {"no_face"})


@pytest.mark.parametrize("selfie", [forty_faces(), side_by_side("obama3", "collins")], ids=["forty", "two"])
def test_several_faces_are_asked_for_again(selfie):
    case = decided(selfie)
    assert case["state"] == "resubmission_requested" and "several_faces" in reasons(case)


def test_half_a_face_is_asked_for_again_with_what_to_do():
    case = decided(photo("obama_partial_face2"))
    assert case["state"] == "resubmission_requested"
    assert all(r["applicant_message"] for r in case["reasons"])


def test_a_grayscale_picture_is_compared_all_the_same():
    case = decided(grayscale("obama2"))
    assert next(c for c in case["checks"] if c["name"] == "match")["score"] is not None


def test_a_picture_that_lies_on_its_side_is_turned_as_its_exif_says():
    assert decided(on_its_side("obama2"))["state"] == "approved"


def test_liveness_without_a_pack_says_so_and_pretends_nothing():
    check = next(c for c in decided(photo("obama2"))["checks"] if c["name"] == "liveness")
    assert (check["result"], check["reasons"], check["score"]) == ("skipped", ["no_pad_pack"], None)
