"""Image bytes in, upright RGB pixels out; nothing else of the file survives.

`Bare` decodes in this process (tests, trusted data sets), `Caged` in confined helper
processes (anything a stranger sent). Both run `ml.decode.pixels.decode`.
"""

from __future__ import annotations

from ml.decode.cage import Caged
from ml.decode.decoder import Bare, Decoder
from ml.decode.limits import Limits

__all__ = ["Bare", "Caged", "Decoder", "Limits"]
