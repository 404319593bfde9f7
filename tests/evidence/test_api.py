"""Images over HTTP: what a bank's onboarding flow meets."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from django.test import Client
from PIL import Image

from kyc.core import clock
from kyc.core.scope import Scope, acting, atomic
from kyc.evidence import uploads
from kyc.evidence.models import Media
from kyc.tenants import services as tenants
from tests.evidence import corpus
from tests.support.worlds import a_bank, an_applicant

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(scope="module")
def bank(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        return a_bank()


@pytest.fixture
def http(bank):
    return Client(headers=bank.headers)


@pytest.fixture
def person(bank):
    return an_applicant(bank)


def upload(http, person, data=None, *, kind="selfie", name="selfie.jpg", **more):
    file = io.BytesIO(corpus.jpeg() if data is None else data)
    file.name = name
    return http.post("/v1/media", {"applicant": person.pk, "kind": kind, "file": file}, **more)


def problem(response, status, code):
    body = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert response["Content-Type"] == "application/problem+json"
    assert body["next_step"] and body["request_id"]
    return body


def rows(bank, person):
    with acting(Scope(bank.tenant.pk, "test:look")), atomic():
        return list(Media.objects.filter(applicant=person))


def a_key(bank, *scopes):
    with acting(Scope(bank.tenant.pk, "test:keys")):
        issued = tenants.issue_key(tenant=bank.tenant, name="narrow", scopes=scopes, now=clock.now())
    return Client(headers={"Authorization": f"Bearer {issued.secret}"})


def test_an_upload_is_created_shown_listed_and_read_back(http, person):
    made = upload(http, person, corpus.oriented(6))
    assert made.status_code == 201, made.content
    body = made.json()
    assert made["Location"] == f"/v1/media/{body['id']}"
    assert (body["state"], body["width"], body["height"]) == ("stored", corpus.WIDTH, corpus.HEIGHT)
    assert http.get(made["Location"]).json() == body
    assert http.get(f"/v1/media?applicant={person.pk}").json()["data"] == [body]
    content = http.get(made["Location"] + "/content")
    assert content["Content-Type"] == "image/jpeg" and content["Cache-Control"] == "no-store"
    assert content["X-Content-Type-Options"] == "nosniff" and "sandbox" in content["Content-Security-Policy"]
    with Image.open(io.BytesIO(content.content)) as image:
        assert image.size == (corpus.WIDTH, corpus.HEIGHT) and not image.getexif()


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png", "application/octet-stream"])
def test_a_bare_body_is_as_good_as_a_form_and_its_type_is_not_believed(http, person, content_type):
    made = http.post(f"/v1/media?applicant={person.pk}&kind=id_portrait", corpus.webp(), content_type=content_type)
    assert made.status_code == 201 and made.json()["source"]["format"] == "WEBP"


@pytest.mark.parametrize("name", sorted(corpus.bad()))
def test_each_bad_file_is_refused_with_its_own_code_and_leaves_nothing(http, bank, person, name):
    data, code = corpus.bad()[name]
    status = 413 if code == "upload_too_large" else 422
    problem(upload(http, person, data), status, code)
    assert not rows(bank, person)


@pytest.mark.parametrize("name", sorted(corpus.odd()))
def test_odd_but_honest_files_are_taken(http, person, name):
    assert upload(http, person, corpus.odd()[name]).status_code == 201


def test_a_svg_sent_as_what_it_is_gets_the_same_answer(http, person):
    answer = http.post(f"/v1/media?applicant={person.pk}&kind=selfie", corpus.svg(), content_type="image/svg+xml")
    problem(answer, 422, "unsupported_format")


def test_json_is_the_wrong_content_type(http, person):
    answer = http.post("/v1/media", {"applicant": person.pk, "url": "http://x"}, content_type="application/json")
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("file", ["/etc/passwd", "http://169.254.169.254/latest", "data:image/png;base64,AAAA", ""])
def test_no_path_and_no_url_is_ever_opened(http, person, file):
    body = problem(
        http.post("/v1/media", {"applicant": person.pk, "kind": "selfie", "file": file}), 422, "invalid_input"
    )
    assert "file" in body["fields"]


def test_unknown_and_missing_fields_are_named(http, person):
    file = io.BytesIO(corpus.jpeg())
    body = problem(
        http.post("/v1/media", {"applicant": person.pk, "file": file, "knd": "selfie"}), 422, "invalid_input"
    )
    assert "knd" in body["fields"]
    body = problem(
        http.post("/v1/media", {"applicant": person.pk, "file": io.BytesIO(corpus.jpeg())}), 422, "invalid_input"
    )
    assert set(body["fields"]) == {"kind"}
    body = problem(upload(http, person, kind="holiday"), 422, "invalid_input")
    assert set(body["fields"]) == {"kind"}


def test_two_files_in_one_form_are_refused(http, person):
    files = {"file": io.BytesIO(corpus.jpeg()), "other": io.BytesIO(corpus.jpeg())}
    problem(http.post("/v1/media", {"applicant": person.pk, "kind": "selfie", **files}), 400, "invalid_multipart")


@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\nx\r\n--x--"]
)
def test_a_broken_form_is_the_callers_error(http, body):
    answer = http.post("/v1/media", body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code in (400, 422), answer.content


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\xff"]
)
def test_a_form_without_boundary_is_the_callers_error(http, content_type):
    problem(http.post("/v1/media", b"x", content_type=content_type), 400, "invalid_multipart")


def test_file_names_are_never_kept(http, bank, person, owner):
    made = upload(http, person, name="../../etc/Ada Lovelace passport.jpg").json()
    assert "Ada" not in json.dumps(made)
    row = owner.execute("select row_to_json(m)::text from evidence_media m where id = %s", [made["id"]]).fetchone()[0]
    assert "Ada" not in row and "passport" not in row


def test_foreign_and_missing_images_look_the_same(http, person):
    stranger = a_bank()
    theirs = upload(Client(headers=stranger.headers), an_applicant(stranger)).json()["id"]
    answers = []
    for media_id in (theirs, "med_00000000000000000000000000", "nonsense", "%00"):
        for path in (f"/v1/media/{media_id}", f"/v1/media/{media_id}/content"):
            body = problem(http.get(path), 404, "not_found")
            answers.append({k: v for k, v in body.items() if k != "request_id"})
    assert all(a == answers[0] for a in answers)


def test_an_image_for_a_foreign_applicant_is_not_found(http):
    stranger = a_bank()
    problem(upload(http, an_applicant(stranger)), 404, "not_found")


def test_each_verb_has_its_scope(bank, person):
    writer, reader = a_key(bank, "media:write"), a_key(bank, "media:read")
    made = upload(writer, person)
    assert made.status_code == 201
    for path in ("", f"/{made.json()['id']}", f"/{made.json()['id']}/content"):
        problem(writer.get("/v1/media" + path), 403, "missing_scope")
        assert reader.get("/v1/media" + path).status_code == 200
    problem(upload(reader, person), 403, "missing_scope")
    problem(upload(Client(), person), 401, "unauthenticated")


def test_the_same_key_and_upload_give_the_same_answer_and_one_image(http, bank, person):
    first = upload(http, person, headers={"Idempotency-Key": "one-upload"})
    again = upload(http, person, headers={"Idempotency-Key": "one-upload"}, name="renamed.jpg")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert len(rows(bank, person)) == 1
    other = upload(http, person, corpus.png(), headers={"Idempotency-Key": "one-upload"})
    problem(other, 409, "idempotency_key_reused")
    other = upload(http, person, kind="id_portrait", headers={"Idempotency-Key": "one-upload"})
    problem(other, 409, "idempotency_key_reused")


def test_a_shredded_image_says_that_it_is_gone(http, bank, person):
    from kyc.evidence import services

    made = upload(http, person).json()
    with acting(Scope(bank.tenant.pk, "test:shred")):
        services.shred(media_id=made["id"], now=clock.now())
    problem(http.get(f"/v1/media/{made['id']}/content"), 410, "media_shredded")
    assert http.get(f"/v1/media/{made['id']}").json()["state"] == "shredded"


def test_an_unfinished_upload_is_not_there(http, bank, person):
    from kyc.evidence import services

    with acting(Scope(bank.tenant.pk, "test:slow")):
        row = services.upload(applicant_id=person.pk, kind="selfie", data=corpus.jpeg(), now=clock.now())
    problem(http.get(f"/v1/media/{row.pk}"), 404, "not_found")
    assert http.get(f"/v1/media?applicant={person.pk}").json()["data"] == []


def test_filters_and_pages(http, person):
    ids = [upload(http, person, kind=kind).json()["id"] for kind in ("selfie", "selfie", "id_portrait")]
    page = http.get(f"/v1/media?applicant={person.pk}&limit=2").json()
    assert [m["id"] for m in page["data"]] == ids[:0:-1] and page["next"]
    assert [m["id"] for m in http.get(page["next"]).json()["data"]] == ids[:1]
    portraits = http.get(f"/v1/media?applicant={person.pk}&kind=id_portrait").json()["data"]
    assert [m["id"] for m in portraits] == ids[2:]
    problem(http.get("/v1/media?kind=holiday"), 422, "invalid_input")


def test_a_lying_content_length_does_not_pass_the_limit(settings):
    """The handler counts what arrives, whatever was declared."""
    from kyc.evidence.errors import UploadTooLarge

    handler = uploads.InMemory(100)
    with pytest.raises(Exception):  # noqa: B017  (StopFutureHandlers: how Django is told that we keep the file)
        handler.new_file("file")
    handler.receive_data_chunk(b"x" * 100, 0)
    with pytest.raises(UploadTooLarge):
        handler.receive_data_chunk(b"x", 100)


# --- over a real server ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(django_db_setup, tmp_path_factory):
    """gunicorn as in production, with a temporary directory of its own to look into."""
    temporary = tmp_path_factory.mktemp("tmp")
    port = 20_000 + os.getpid() % 20_000
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "kyc.wsgi",
            "-b",
            f"127.0.0.1:{port}",
            "-w",
            "1",
            "--threads",
            "4",
            "--worker-tmp-dir",
            "/dev/shm",
            "--log-level",
            "warning",
        ],
        env=os.environ | {"TMPDIR": str(temporary), "VOUCH_HOSTS": "*"},
        cwd=Path(__file__).parents[2],
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            httpx.get(url + "/health/live", timeout=1)
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield url, process, temporary
    process.terminate()
    process.wait(20)


def memory_of(pid: int) -> int:
    """Bytes resident now, children included."""
    total = 0
    for line in subprocess.run(
        ["ps", "-o", "pid=,ppid=,rss=", "-e"], capture_output=True, text=True
    ).stdout.splitlines():
        child, parent, rss = map(int, line.split())
        if pid in (child, parent):
            total += rss * 1024
    return total


def form(person, data):
    return {"data": {"applicant": person.pk, "kind": "selfie"}, "files": {"file": ("x.jpg", data, "image/jpeg")}}


def test_forty_megabytes_get_their_413_and_are_not_kept(server, bank, person):
    url, process, temporary = server
    data = corpus.bad()["40 MB"][0]
    httpx.post(url + "/v1/media", headers=bank.headers, **form(person, corpus.jpeg()), timeout=60)  # warm
    before, peak, done = memory_of(process.pid), 0, threading.Event()

    def watch():
        nonlocal peak
        while not done.is_set():
            peak = max(peak, memory_of(process.pid))
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(3):
            answer = httpx.post(url + "/v1/media", headers=bank.headers, **form(person, data), timeout=60)
            assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
            answer = httpx.post(
                url + f"/v1/media?applicant={person.pk}&kind=selfie",
                content=data,
                timeout=60,
                headers=bank.headers | {"Content-Type": "image/jpeg"},
            )
            assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")
    finally:
        done.set()
        watcher.join()
    assert peak - before < 20_000_000, f"{(peak - before) / 1e6:.0f} MB more while refusing 40 MB"
    assert list(temporary.iterdir()) == []


def test_a_stream_without_length_is_told_so(server, bank, person):
    url, *_ = server
    answer = httpx.post(
        url + f"/v1/media?applicant={person.pk}&kind=selfie",
        content=iter([corpus.jpeg()]),
        timeout=60,
        headers=bank.headers | {"Content-Type": "image/jpeg"},
    )
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


def test_an_upload_writes_no_temporary_file(server, bank, person):
    """Django would spool everything above 2.5 MB to disk, in the clear."""
    url, _, temporary = server
    big = corpus.encoded(Image.effect_noise((2600, 2000), 90).convert("RGB"), quality=92)
    assert len(big) > 3_000_000
    seen, done = set(), threading.Event()

    def watch():
        while not done.is_set():
            seen.update(p.name for p in temporary.iterdir())

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = httpx.post(url + "/v1/media", headers=bank.headers, **form(person, big), timeout=60)
    done.set()
    watcher.join()
    assert answer.status_code == 201 and not seen


def test_many_uploads_at_once_each_get_their_own_answer(server, bank, person):
    url, *_ = server
    answers = []

    def one(n):
        data = corpus.encoded(corpus.picture(100 + n, 90)) if n % 3 else corpus.bad()["PNG with broken pixels"][0]
        made = httpx.post(url + "/v1/media", headers=bank.headers, **form(person, data), timeout=60)
        answers.append((n, made.status_code, made.json().get("width")))

    threads = [threading.Thread(target=one, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [(n, 201, 100 + n) if n % 3 else (n, 422, None) for n in range(12)]


def a_form(boundary, person) -> bytes:
    part = f"--{boundary}\r\nContent-Disposition: form-data; name="
    fields = f'{part}"applicant"\r\n\r\n{person.pk}\r\n{part}"kind"\r\n\r\nselfie\r\n'
    return f'{fields}{part}"file"; filename="a"\r\n\r\n'.encode() + corpus.jpeg() + f"\r\n--{boundary}--\r\n".encode()


def test_an_uploads_identity_does_not_hang_on_the_boundary(http, person):
    answers = [
        http.post(
            "/v1/media",
            a_form(b, person),
            content_type=f"multipart/form-data; boundary={b}",
            headers={"Idempotency-Key": "boundary"},
        )
        for b in ("first", "second")
    ]
    assert [a.status_code for a in answers] == [201, 201]
    assert len({hashlib.sha256(a.content).digest() for a in answers}) == 1
