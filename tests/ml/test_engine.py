"""The whole story on real photographs, through the cage."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image as Pil

from ml.batching import Batcher
from ml.decode import Bare
from ml.engine import Engine
from ml.errors import DeviceError, EngineError, PackError
from ml.packs import PERMISSIVE
from ml.types import Analysis
from tests.data import PHOTOS, REPOSITORY


@pytest.fixture(scope="module")
def engine(packs_root) -> Iterator[Engine]:
    engine = Engine.from_packs(packs_root, threads=1, allowed_licences=PERMISSIVE)
    yield engine
    engine.close()


def photo(name: str) -> bytes:
    return (PHOTOS / f"{name}.jpg").read_bytes()


def jpeg(picture: Pil.Image, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=92, **options)
    return file.getvalue()


def picture(name: str) -> Pil.Image:
    return Pil.open(PHOTOS / f"{name}.jpg").convert("RGB")


def similarity(one: Analysis, other: Analysis) -> float:
    assert one.embedding is not None and other.embedding is not None
    return float(one.embedding @ other.embedding)


def test_one_photograph_tells_its_whole_story(engine):
    seen = engine.analyse(photo("obama"))
    assert (seen.width, seen.height, seen.turned) == (512, 640, 0)
    assert seen.face == seen.faces[0] and len(seen.faces) == 1
    assert seen.crop.shape == (112, 112, 3) and seen.crop.dtype == np.uint8
    assert seen.embedding.shape == (128,) and np.linalg.norm(seen.embedding) == pytest.approx(1, abs=1e-5)
    assert {one.name for one in seen.quality} > {"inter_eye_distance", "sharpness", "yaw", "face_inside"}
    assert [model.role for model in seen.models] == ["detector", "recogniser"] and seen.models == engine.models
    assert set(seen.milliseconds) == {"decode", "detect", "detail", "align", "quality", "liveness", "embed"}
    assert (seen.pad, seen.live, seen.pad_refused) == ((), None, None)


def test_the_same_man_is_closer_than_another(engine):
    one, again, third, other = (engine.analyse(photo(name)) for name in ("obama", "obama2", "obama3", "biden"))
    assert min(similarity(one, again), similarity(one, third), similarity(again, third)) > 0.94
    assert max(similarity(one, other), similarity(again, other), similarity(third, other)) < 0.86


def test_many_at_once_are_the_same_as_one_by_one_and_errors_stay_in_their_place(engine):
    names = ["obama", "biden", "collins"]
    outcomes = engine.analyse_many([photo("obama"), b"<svg/>", photo("biden"), photo("obama")[:5000], photo("collins")])
    assert [getattr(outcome, "code", "fine") for outcome in outcomes] == [
        "fine",
        "unsupported_format",
        "fine",
        "image_unreadable",
        "fine",
    ]
    for name, together in zip(names, (outcomes[0], outcomes[2], outcomes[4]), strict=True):
        assert similarity(together, engine.analyse(photo(name))) > 0.9999


def test_nobody_in_the_picture_is_no_error(engine):
    seen = engine.analyse(jpeg(Pil.new("RGB", (300, 200), "teal")))
    assert (seen.face, seen.faces, seen.crop, seen.embedding, seen.quality) == (None, (), None, None, ())
    assert set(seen.milliseconds) == {"decode", "detect", "detail"}


def test_only_what_is_wanted_is_done(engine):
    seen = engine.analyse(photo("obama"), frozenset({"detect"}))
    assert seen.face is not None and seen.embedding is None and seen.quality == ()
    assert set(seen.milliseconds) == {"decode", "detect", "detail", "align"}


def test_a_sideways_photograph_gives_the_same_template_with_and_without_exif(engine):
    upright = engine.analyse(photo("biden"))
    exif = Pil.Exif()
    exif[0x0112] = 6
    marked = engine.analyse(jpeg(picture("biden").transpose(Pil.Transpose.ROTATE_90), exif=exif))
    unmarked = engine.analyse(jpeg(picture("biden").transpose(Pil.Transpose.ROTATE_90)))
    assert (marked.turned, unmarked.turned) == (0, 270)
    assert min(similarity(upright, marked), similarity(upright, unmarked)) > 0.99


def test_twelve_megapixels_say_the_same_in_their_own_pixels(engine):
    small = engine.analyse(photo("collins"))
    factor = 8
    large = engine.analyse(jpeg(picture("collins").resize((512 * factor, 512 * factor), Pil.Resampling.LANCZOS)))
    assert (large.width, large.height) == (4096, 4096)
    assert np.abs(large.face.landmarks / factor - small.face.landmarks).max() < 3
    assert similarity(small, large) > 0.985


def test_a_small_face_in_a_large_photograph_is_cropped_at_full_detail(engine):
    """At the reduced scale its eyes are too close for the crop: the engine must look again."""
    canvas = Pil.new("RGB", (4000, 3000), "gray")
    canvas.paste(picture("obama"), (2500, 1200))
    pasted, alone = engine.analyse(jpeg(canvas)), engine.analyse(photo("obama"))
    assert similarity(pasted, alone) > 0.97
    assert pasted.milliseconds["detail"] > 5
    values = {one.name: one.value for one in pasted.quality}
    assert values["inter_eye_distance"] == pytest.approx(81, abs=6)


def test_the_subject_of_two_is_the_one_in_the_middle(engine):
    wide = np.concatenate([np.asarray(picture(name)) for name in ("biden", "obama", "biden")], axis=1)
    seen = engine.analyse(jpeg(Pil.fromarray(wide)))
    assert len(seen.faces) == 3
    assert similarity(seen, engine.analyse(photo("obama"))) > 0.97


def test_callers_that_share_batches_get_what_they_would_have_got_alone(engine):
    batcher = Batcher(engine)
    try:
        shared = batcher.analyse(photo("obama2"))
        with pytest.raises(EngineError, match="unsupported_format"):
            batcher.analyse(b"GIF89a")
    finally:
        batcher.close()
    assert similarity(shared, engine.analyse(photo("obama2"))) > 0.9999


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_both_runtimes_give_the_same_template(engine, packs_root, runtime):
    other = Engine.from_packs(packs_root, runtime=runtime, threads=1, decoder=Bare(), allowed_licences=PERMISSIVE)
    assert np.abs(other.analyse(photo("obama")).embedding - engine.analyse(photo("obama")).embedding).max() < 1e-3


def test_an_engine_without_its_packs_does_not_start(tmp_path):
    with pytest.raises(PackError) as caught:
        Engine.from_packs(tmp_path, decoder=Bare())
    assert caught.value.code == "pack_missing"


def test_a_device_that_is_not_there_is_an_error_and_never_another_device(packs_root):
    with pytest.raises(DeviceError):
        Engine.from_packs(packs_root, device="cuda:7", runtime="torch", decoder=Bare(), allowed_licences=PERMISSIVE)


def test_the_decode_helpers_module_does_not_need_torch():
    done = subprocess.run(
        [sys.executable, "-c", "import sys, ml.decode.child; sys.exit('torch' in sys.modules)"],
        cwd=REPOSITORY,
        timeout=60,
    )
    assert done.returncode == 0
