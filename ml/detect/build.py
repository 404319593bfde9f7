"""From a detector pack to a Detector."""

from __future__ import annotations

from typing import Any

from ml.detect import mtcnn, scrfd, yunet
from ml.detect.detector import Detector, Finder
from ml.detect.single_shot import SingleShot
from ml.packs import Pack
from ml.runtime import load

DECODES = {"yunet": yunet.decode, "scrfd": scrfd.decode}


def build_detector(pack: Pack, **options: Any) -> Detector:
    """options: device, runtime, precision, threads of `ml.runtime.load`. Raises PackError, DeviceError."""
    return Detector(_finder(pack, options))


def _finder(pack: Pack, options: dict[str, Any]) -> Finder:
    decoder = pack.manifest.output.decoder
    if decoder == "mtcnn":
        pnet, rnet, onet = (load(pack, part=part, **options) for part in mtcnn.PARTS)
        return mtcnn.Cascade(pnet, rnet, onet, pack.manifest.input)
    assert decoder is not None  # the manifest refuses detectors without one
    return SingleShot(load(pack, **options), pack.manifest.input, DECODES[decoder])
