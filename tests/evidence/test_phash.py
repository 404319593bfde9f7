"""How far apart the perceptual hash keeps photographs of faces, and how near it keeps copies of one."""

import io
import random
import zipfile

import numpy as np
import pytest
from PIL import Image

from kyc.evidence.cage.normalise import phash
from kyc.evidence.queries import NEAR
from tests.data import data_dir


def saved(image: Image.Image, *, quality: int, scale: float = 1.0) -> Image.Image:
    file = io.BytesIO()
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size).save(file, "JPEG", quality=quality)
    return Image.open(file)


def farthest_copy(image: Image.Image, own: int) -> int:
    copies = (saved(image, quality=60, scale=2 / 3), saved(image, quality=40))
    return max((own ^ phash(copy.convert("RGB"))).bit_count() for copy in copies)


@pytest.mark.data
def test_copies_are_near_and_different_photographs_are_not():
    """The hardest case for it: faces cut out and aligned alike, as document portraits are."""
    with zipfile.ZipFile(data_dir() / "verification" / "lfw_aligned_112.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith((".jpg", ".png")))
        random.Random(1).shuffle(names)
        faces = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names[:1500]]
    hashes = np.array([phash(face) for face in faces], np.uint64)  # (N,)
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None, :])[np.triu_indices(len(hashes), 1)]
    copies = np.array([farthest_copy(face, int(own)) for face, own in zip(faces, hashes, strict=True)])
    print(f"copies within {NEAR}: {np.mean(copies <= NEAR):.4f}; different within {NEAR}: {(apart <= NEAR).sum()}"
          f" of {len(apart)}, nearest {apart.min()}")  # fmt: skip
    assert np.mean(copies <= NEAR) > 0.99
    assert (apart <= NEAR).mean() < 1e-5


def test_the_hash_agrees_with_a_textbook_dct():
    from scipy.fft import dctn

    image = Image.effect_noise((32, 32), 100)
    low = dctn(np.asarray(image, float))[1:9, 1:9].ravel()
    expected = int("".join("1" if v > np.median(low) else "0" for v in low), 2)
    assert phash(image) == expected
