"""The decoder's cage with real helpers: what comes out, and what a bad image can do to its neighbours."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from PIL import Image

from kyc.evidence import headers
from kyc.evidence.cage.helper import Gone, Helper
from kyc.evidence.cage.pool import Pool
from kyc.evidence.cage.result import Normalised
from kyc.evidence.errors import DecoderBusy, DecoderCrashed, DecoderTimeout, ImageUnreadable, TooDetailed
from kyc.evidence.gate import admit
from kyc.evidence.limits import Limits
from tests.evidence import corpus

LIMITS = Limits()


@pytest.fixture(scope="module")
def pool():
    pool = Pool(LIMITS, helpers=1)
    yield pool
    pool.close()


def normalised(pool, data):
    return pool.normalise(data, admit(data, LIMITS))


def pixels(result: Normalised) -> Image.Image:
    return Image.open(io.BytesIO(result.jpeg))


def segments(jpeg: bytes) -> set[int]:
    """The markers before the first scan."""
    found, at = set(), 2
    while jpeg[at + 1] != 0xDA:
        found.add(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return found


@pytest.mark.parametrize("name", sorted(corpus.odd()))
def test_what_comes_out_is_a_plain_jpeg_of_pixels_only(pool, name):
    result = normalised(pool, corpus.odd()[name])
    image = pixels(result)
    assert image.format == "JPEG" and image.mode in ("RGB", "L")
    assert image.size == (result.width, result.height)
    assert segments(result.jpeg) <= {0xE0, 0xDB, 0xC0, 0xC4}  # JFIF, tables, frame: no EXIF, ICC, XMP, comment
    assert result.jpeg.endswith(b"\xff\xd9") and headers.read(result.jpeg).end == len(result.jpeg)
    assert result.quality == 95


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_honoured_then_stripped(pool, orientation, kind):
    result = normalised(pool, corpus.oriented(orientation, kind))
    image = pixels(result)
    assert image.size == (corpus.WIDTH, corpus.HEIGHT)
    corners = [image.getpixel(at) for at in ((20, 20), (140, 20), (20, 100))]
    assert [max(range(3), key=lambda c: corner[c]) for corner in corners] == [0, 1, 2]  # red, green, blue
    assert not image.getexif()
    assert b"Ada" not in result.jpeg and b"Secretcam" not in result.jpeg
    assert result.source["orientation"] == orientation and result.source["exif"]


def test_a_comment_does_not_survive(pool):
    result = normalised(pool, corpus.jpeg(comment=b"taken at home, Ada"))
    assert b"Ada" not in result.jpeg


@pytest.mark.parametrize("name", ["grayscale JPEG", "grayscale PNG", "16-bit PNG", "1-bit PNG", "gray + alpha PNG"])
def test_gray_sources_are_flagged(pool, name):
    assert normalised(pool, corpus.odd()[name]).grayscale


def test_a_gray_photograph_saved_in_colour_is_flagged_too(pool):
    data = corpus.encoded(corpus.picture().convert("L").convert("RGB"), quality=70)
    assert normalised(pool, data).grayscale
    assert not normalised(pool, corpus.jpeg()).grayscale


@pytest.mark.parametrize("name", ["16-bit PNG", "16-bit RGB PNG"])
def test_sixteen_bits_are_scaled_not_clipped(pool, name):
    image = pixels(normalised(pool, corpus.odd()[name])).convert("RGB")
    for x in (0, 64, 128, 255):
        assert abs(image.getpixel((x, 32))[0] - x) <= 6  # the ramp's own value, give or take JPEG


def test_transparency_becomes_white(pool):
    image = pixels(normalised(pool, corpus.odd()["alpha PNG"]))
    assert min(image.getpixel((5, 0))) > 240  # alpha 0 above a red corner


def test_cmyk_keeps_its_colours(pool):
    red = pixels(normalised(pool, corpus.odd()["CMYK JPEG"])).getpixel((20, 20))
    assert red[0] > 200 and max(red[1:]) < 60


def test_the_hash_survives_scaling_and_recompression_but_not_another_picture(pool):
    photograph = Image.effect_noise((8, 8), 100).resize((800, 600), Image.Resampling.BICUBIC).convert("RGB")
    mirrored = photograph.transpose(Image.Transpose.ROTATE_180)
    first = normalised(pool, corpus.encoded(photograph, quality=95)).phash
    copy = normalised(pool, corpus.encoded(photograph.resize((400, 300)), quality=50)).phash
    other = normalised(pool, corpus.encoded(mirrored)).phash
    assert (first ^ copy).bit_count() <= 4 < 16 <= (first ^ other).bit_count()


def test_broken_pixels_are_refused_and_the_helper_goes_on(pool):
    before = pool.replaced
    with pytest.raises(ImageUnreadable):
        normalised(pool, corpus.bad()["PNG with broken pixels"][0])
    assert normalised(pool, corpus.jpeg()) and pool.replaced == before


def test_a_header_that_lies_about_the_size_is_refused(pool):
    lie = headers.Header("PNG", corpus.WIDTH + 1, corpus.HEIGHT, 1, len(corpus.png()))
    with pytest.raises(ImageUnreadable):
        pool.normalise(corpus.png(), lie)


def test_a_bomb_that_passed_the_gate_hits_the_memory_limit(pool):
    """If the gate ever failed, the helper's own bound still holds: 16-bit gray of 400 MP needs 1.6 GB."""
    data = corpus.png_bomb()
    with pytest.raises((TooDetailed, DecoderCrashed, ImageUnreadable, DecoderTimeout)):
        pool.normalise(data, headers.read(data))
    assert normalised(pool, corpus.jpeg())


def test_this_kernel_grants_every_protection(pool):
    """Root always may leave the network; an ordinary user where the kernel allows user namespaces."""
    held = pool.confinement
    assert held["limits"] and held["unprivileged"] and held["system_calls"]
    assert held["network_namespace"] or os.getuid() != 0


def run_confined(code: str) -> subprocess.CompletedProcess:
    start = (
        "from kyc.evidence.cage.confine import lock_down\nimport os, socket, sys\n"
        "held = lock_down(memory=1 << 30, cpu_seconds=10)\nassert held['system_calls'], held\n"
    )
    attempt = f"try:\n    {code}\n    os.write(1, b'done')\nexcept OSError as e:\n    os.write(1, b'%d' % e.errno)\n"
    return subprocess.run([sys.executable, "-c", start + attempt], capture_output=True, timeout=60)


@pytest.mark.parametrize(
    "code",
    [
        "os.open('/etc/passwd', os.O_RDONLY)",
        "os.open('/tmp/vouch-escape', os.O_WRONLY | os.O_CREAT)",
        "socket.socket()",
        "os.fork()",
        "os.execv('/bin/true', ['true'])",
        "os.kill(os.getppid(), 0)",
        "os.listdir('/')",
    ],
)
def test_a_helper_that_was_taken_over_reaches_nothing(code):
    assert run_confined(code).stdout in (b"1", b"11", b"24")  # EPERM, EAGAIN, EMFILE


def test_a_killed_helper_is_that_images_problem_alone():
    pool = Pool(LIMITS, helpers=1)
    try:
        normalised(pool, corpus.jpeg())
        os.kill(pool._idle[0].pid, signal.SIGKILL)
        with pytest.raises(DecoderCrashed):
            normalised(pool, corpus.jpeg())
        assert normalised(pool, corpus.jpeg()).width == corpus.WIDTH
        assert pool.replaced == 1
    finally:
        pool.close()


def test_a_hung_helper_is_given_up_in_time():
    pool = Pool(Limits(wall_seconds=2.0), helpers=1)
    try:
        normalised(pool, corpus.jpeg())
        os.kill(pool._idle[0].pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(DecoderTimeout):
            normalised(pool, corpus.jpeg())
        assert time.monotonic() - began < 10
        assert normalised(pool, corpus.jpeg())
    finally:
        pool.close()


def test_an_image_that_burns_processor_time_is_cut_off():
    """By the processor's clock, so that a busy machine does not refuse honest photographs."""
    pool = Pool(Limits(seconds=0.3), helpers=1)
    large = corpus.encoded(Image.effect_noise((750, 750), 90).resize((6000, 6000)).convert("RGB"), quality=85)
    try:
        with pytest.raises(DecoderTimeout):
            normalised(pool, large)
        assert normalised(pool, corpus.jpeg())
    finally:
        pool.close()


def test_when_all_helpers_are_taken_the_answer_is_try_again():
    pool = Pool(Limits(seconds=0.5), helpers=1)
    pool._free.acquire()
    with pytest.raises(DecoderBusy) as busy:
        normalised(pool, corpus.jpeg())
    assert busy.value.retryable and busy.value.retry_after


def test_many_threads_share_two_helpers_and_none_gets_anothers_image():
    pool = Pool(LIMITS, helpers=2)
    sizes, wrong = [(64 + n, 70) for n in range(12)], []

    def one(size):
        result = normalised(pool, corpus.encoded(corpus.picture(*size)))
        if (result.width, result.height) != size:
            wrong.append(size)

    threads = [threading.Thread(target=one, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert not wrong and len(pool._idle) <= 2
    finally:
        pool.close()


def test_no_helper_outlives_its_parent():
    script = (
        "import sys\nfrom kyc.evidence.cage.pool import Pool\nfrom kyc.evidence.limits import Limits\n"
        "pool = Pool(Limits(), helpers=1)\npool.confinement\nprint(pool._idle[0].pid, flush=True)\n"
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60).stdout
    pid = int(out)
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid}"):
            return
        with open(f"/proc/{pid}/stat") as f:
            if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                return
        time.sleep(0.05)
    pytest.fail(f"helper {pid} is still there")


def test_a_helper_inherits_neither_environment_nor_files(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    secret = os.open(tmp_path / "secret", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(secret, True)
    helper = Helper(LIMITS)
    try:
        with open(f"/proc/{helper.pid}/environ", "rb") as f:
            assert b"secret" not in f.read()
        links = [os.readlink(f"/proc/{helper.pid}/fd/{n}") for n in os.listdir(f"/proc/{helper.pid}/fd")]
        assert not any("secret" in link for link in links)
    finally:
        helper.stop()
        os.close(secret)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"done": {}},
        {"done": {"width": -1, "height": 5}},
        {"done": {"width": 10**9, "height": 10**9}},
        {"done": "yes"},
        {"done": {"width": 64, "height": 64, "grayscale": False, "phash": 1, "quality": 95, "source": {"format": ""}}},
    ],
    ids=lambda said: json.dumps(said)[:40],
)
def test_a_helper_that_lies_is_not_believed(said):
    helper = Helper.__new__(Helper)
    helper.limits = LIMITS
    with pytest.raises(Gone):
        helper._understood(said, b"\xff\xd8\xff\xe0\xff\xd9")


def test_the_web_side_of_the_cage_never_imports_pillow():
    code = "import sys; import kyc.evidence.cage.pool, kyc.evidence.gate; print('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout.strip() == b"False"
