"""How hard a JPEG was squeezed, read from its quantisation table."""

from __future__ import annotations

from PIL import Image as Pil

# Sum of the luminance table of ITU-T T.81 Annex K.1, which libjpeg calls quality 50
ANNEX_K_LUMA = 3_688


def quality(source: Pil.Image) -> float | None:
    """libjpeg's 1..100 scale, inverted (jcparam.c, jpeg_quality_scaling); None where there is no table.

    An estimate: cameras with tables of their own land near the libjpeg quality of equal coarseness,
    and a picture that was compressed twice shows only its last table.
    """
    tables = getattr(source, "quantization", None)
    if not tables or 0 not in tables:
        return None
    percent = 100 * sum(tables[0]) / ANNEX_K_LUMA
    return max(1.0, min(100.0, (200 - percent) / 2 if percent <= 100 else 5_000 / percent))
