"""The tenant's secret turn: an orthogonal matrix, so cosines stay and two banks' dumps cannot be linked.

It is not encryption. Whoever holds about d pairs of plain and turned vectors can solve for the matrix
(docs/threat-model.md), so turned vectors are still treated as face images. What it gives: a stolen table
alone cannot be searched with a photograph, and a leaked tenant can be re-keyed without new photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kyc.core.scope import current
from kyc.vault import services as vault


def turn(vector: Sequence[float], *, rotation: int) -> NDArray[np.float32]:
    """(d,) -> (d,), same length, under the present tenant's rotation of this number."""
    plain = np.asarray(vector, np.float64)
    return (matrix(len(plain), rotation) @ plain).astype(np.float32)


def turn_again(vector: Sequence[float], *, was: int, to: int) -> NDArray[np.float32]:
    """From one of the tenant's rotations to another, for re-keying."""
    turned = np.asarray(vector, np.float64)
    return (matrix(len(turned), to) @ (matrix(len(turned), was).T @ turned)).astype(np.float32)


def matrix(dimension: int, rotation: int) -> NDArray[np.float64]:
    """(d, d), orthogonal, uniform over the rotations (Mezzadri 2007), from a seed only the tenant's key gives."""
    tenant_id = current().tenant_id
    seed = vault.derive(f"tenant:{tenant_id}", f"template-rotation:{dimension}:{rotation}")
    return _orthogonal(seed, dimension)


@lru_cache(maxsize=64)  # 64 tenants at 512 dimensions are 128 MB at most
def _orthogonal(seed: bytes, dimension: int) -> NDArray[np.float64]:
    normal = np.random.Generator(np.random.Philox(key=int.from_bytes(seed[:16]))).standard_normal(
        (dimension, dimension)
    )
    q, r = np.linalg.qr(normal)
    return q * np.sign(np.diag(r))  # the sign makes the distribution uniform
