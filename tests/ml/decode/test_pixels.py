from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil

from ml.decode.limits import Limits
from ml.decode.pixels import decode, shrink
from ml.errors import EngineError
from tests.data import PHOTOS
from tests.ml.decode.pictures import encoded, gradient, png_claiming, with_orientation

LIMITS = Limits()
UPRIGHT = np.asarray(gradient())


def refusal(data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(EngineError) as caught:
        decode(data, limits)
    assert not caught.value.retryable
    return caught.value.code


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_three_formats_come_out_as_upright_rgb(kind):
    image = decode(encoded(gradient(), kind, **({} if kind == "PNG" else {"quality": 95})), LIMITS)
    assert (image.format, image.width, image.height, image.scale) == (kind, 64, 48, 1.0)
    assert image.pixels.shape == (48, 64, 3) and image.pixels.dtype == np.uint8
    assert np.abs(image.pixels.astype(int) - UPRIGHT).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_honoured(orientation):
    inverse = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    stored = decode(with_orientation(inverse), LIMITS).pixels  # the picture as a camera held that way would store it
    file = io.BytesIO()
    exif = Pil.Exif()
    exif[0x0112] = orientation
    Pil.fromarray(stored).save(file, "PNG", exif=exif)
    image = decode(file.getvalue(), LIMITS)
    assert (image.width, image.height, image.source_width, image.source_height) == (64, 48, 64, 48)
    assert np.abs(image.pixels.astype(int) - UPRIGHT).mean() < 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_png_mode_becomes_rgb(mode):
    source = (
        Pil.fromarray(np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32))
        if mode == "I;16"
        else gradient().convert("RGBA" if mode == "LA" else "RGB").convert(mode)
    )
    pixels = decode(encoded(source), LIMITS).pixels
    assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.max() > 200


def test_sixteen_bits_are_scaled_and_not_clipped():
    ramp = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    pixels = decode(encoded(Pil.fromarray(ramp)), LIMITS).pixels
    assert np.array_equal(pixels[..., 0], ramp // 257)


def test_cmyk_becomes_rgb():
    pixels = decode(encoded(Pil.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95), LIMITS).pixels
    red, green, blue = pixels.reshape(-1, 3).mean(axis=0)
    assert red > 200 and green < 60 and blue < 60


def test_transparency_becomes_white_paper():
    pixels = decode(encoded(Pil.new("RGBA", (8, 8), (0, 0, 0, 0))), LIMITS).pixels
    assert (pixels == 255).all()


def test_gray_is_noticed_whatever_the_mode_says():
    gray = gradient().convert("L")
    assert decode(encoded(gray, "JPEG"), LIMITS).grayscale
    assert decode(encoded(gray.convert("RGB"), "JPEG"), LIMITS).grayscale
    assert not decode(encoded(gradient(), "JPEG"), LIMITS).grayscale


def test_the_jpeg_quality_is_read_from_the_tables():
    for quality in (30, 50, 75, 90):
        data = encoded(gradient(), "JPEG", quality=quality)
        assert decode(data, LIMITS).jpeg_quality == pytest.approx(quality, abs=1)
    assert decode(encoded(gradient()), LIMITS).jpeg_quality is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_large_picture_comes_small_where_that_is_enough(kind):
    data = encoded(gradient(2001, 1500), kind)
    image = decode(data, LIMITS, detail=500)
    assert (image.width, image.height) == (501, 375)
    assert (image.source_width, image.source_height) == (2001, 1500)
    assert image.scale == pytest.approx(0.25, rel=0.01)
    whole = np.asarray(Pil.fromarray(decode(data, LIMITS).pixels).resize((501, 375), Pil.Resampling.BOX)).astype(int)
    assert np.abs(image.pixels - whole).mean() < 2


def test_detail_never_falls_below_what_was_asked():
    divisors = [shrink(4000, detail) for detail in (None, 4000, 2001, 2000, 1000, 999, 500, 100)]
    assert divisors == [1, 1, 1, 2, 4, 4, 8, 8]


def test_a_pocket_sized_bomb_is_refused_by_its_header():
    assert refusal(png_claiming(20_000, 20_000)) == "image_too_large"
    assert refusal(png_claiming(1, 30_000)) == "image_too_large"


def test_too_many_bytes_are_refused_before_anything_reads_them():
    assert refusal(b"\xff\xd8\xff" + bytes(LIMITS.bytes)) == "image_too_large"


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_animations_are_refused(kind):
    frames = [gradient(), gradient().transpose(Pil.Transpose.ROTATE_180)]
    assert refusal(encoded(frames[0], kind, save_all=True, append_images=frames[1:])) == "animated_image"


def test_a_phones_two_picture_jpeg_is_its_first_picture():
    data = encoded(gradient(), "MPO", save_all=True, append_images=[Pil.new("RGB", (64, 48))], quality=95)
    assert np.abs(decode(data, LIMITS).pixels.astype(int) - UPRIGHT).mean() < 4


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + bytes(40),
        b"BM" + bytes(60),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"II*\0" + bytes(40),
        b"\0\0\0\x18ftypheic" + bytes(40),
        b"RIFF\0\0\0\0WAVE",
        b"SIMPLE  =                    T",
        b"not an image at all",
    ],
)
def test_formats_we_did_not_choose_are_refused_by_their_first_bytes(data):
    assert refusal(data) == "unsupported_format"


def test_formats_we_did_not_choose_never_reach_their_decoder(monkeypatch):
    opened: list[tuple[str, ...]] = []
    real = Pil.open
    monkeypatch.setattr(Pil, "open", lambda *args, formats: opened.append(formats) or real(*args, formats=formats))
    decode(encoded(gradient()), LIMITS)
    refusal(encoded(gradient(), "GIF"))
    refusal(b"\x89PNG\r\n\x1a\n" + encoded(gradient(), "TIFF"))
    assert set(opened) == {("JPEG", "PNG", "WEBP")} and len(opened) == 2


def test_an_empty_upload_is_unreadable():
    assert refusal(b"") == "image_unreadable"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_file_is_unreadable_and_never_half_a_picture(kind):
    data = encoded(gradient(400, 300), kind)
    for share in (0.1, 0.5, 0.9):
        assert refusal(data[: int(len(data) * share)]) == "image_unreadable"


def test_one_pixel_is_a_picture():
    assert decode(encoded(Pil.new("RGB", (1, 1))), LIMITS).pixels.shape == (1, 1, 3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8), st.sampled_from(["JPEG", "PNG", "WEBP"]))
def test_damage_anywhere_is_a_picture_or_a_refusal_and_nothing_else(place, damage, kind):
    data = bytearray(encoded(gradient(), kind))
    place %= len(data)
    data[place : place + len(damage)] = damage
    try:
        image = decode(bytes(data), Limits(pixels=1_000_000))
    except EngineError as error:
        refused = error.code
    else:
        refused = None
        assert image.pixels.shape == (image.height, image.width, 3)
    assert refused in {None, "image_unreadable", "image_too_large", "unsupported_format", "animated_image"}


def test_photographs_decode():
    for path in sorted(PHOTOS.glob("*.jpg")):
        assert not decode(path.read_bytes(), LIMITS).grayscale
