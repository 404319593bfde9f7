"""Runs in the peers' own environment: reads a job (JSON) on stdin, prints what each peer took. Imports no Vouch."""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

FEWEST = 5
now = time.perf_counter


def main() -> None:
    job = json.load(sys.stdin)
    global now
    now = time.process_time if job["clock"] == "cpu" else time.perf_counter
    found = {}
    peers = (
        simplejpeg_full,
        simplejpeg_vga,
        dlib_hog,
        dlib_resnet,
        dlib_end_to_end,
        dlib_end_to_end_80px,
        opencv_yunet,
    )
    for name, peer in [*((peer.__name__, peer) for peer in peers), *openvino(job)]:
        try:
            found[name] = peer(job)
        except Exception as error:  # whatever a peer raises is a line of the report, not our crash
            found[name] = {"error": f"{type(error).__name__}: {error}"[:200]}
    print(json.dumps(found))


def timed(work, seconds, *, package, batch=1):
    work()
    spent: list[float] = []
    until = now() + seconds
    while len(spent) < FEWEST or (now() < until and len(spent) < 2000):
        began = now()
        work()
        spent.append(1000 * (now() - began))
    spent.sort()
    return {"p50": spent[len(spent) // 2], "fastest": spent[0], "batch": batch, "version": version(package)}


def simplejpeg_full(job):
    import simplejpeg

    data = Path(job["phone"][0]).read_bytes()
    return timed(lambda: simplejpeg.decode_jpeg(data, "RGB"), job["seconds"], package="simplejpeg")


def simplejpeg_vga(job):
    import simplejpeg

    data = Path(job["vga"][0]).read_bytes()
    return timed(lambda: simplejpeg.decode_jpeg(data, "RGB"), job["seconds"], package="simplejpeg")


def dlib_hog(job):
    import dlib

    detector, image = dlib.get_frontal_face_detector(), dlib.load_rgb_image(job["vga"][0])
    return timed(lambda: detector(image), job["seconds"], package="dlib-bin")


def dlib_resnet(job):
    import dlib
    import numpy as np

    model = dlib.face_recognition_model_v1(job["files"]["dlib"])
    chip = np.random.default_rng(0).integers(0, 255, (150, 150, 3), np.uint8)
    return timed(lambda: model.compute_face_descriptor(chip), job["seconds"], package="dlib-bin")


def dlib_end_to_end(job):
    """Load, HOG, chip by the box alone (its landmark model is not free for commerce: in its favour), ResNet.

    HOG sees faces from 80 px; enlarged once, as its users do by default, from 40 px. YuNet sees them from 10 px.
    """
    return _dlib_whole(job, enlarge=1)


def dlib_end_to_end_80px(job):
    """The same without enlarging: only faces that fill a fifth of the picture."""
    return _dlib_whole(job, enlarge=0)


def _dlib_whole(job, *, enlarge):
    import dlib

    detector, model = dlib.get_frontal_face_detector(), dlib.face_recognition_model_v1(job["files"]["dlib"])

    def one(path):
        image = dlib.load_rgb_image(path)
        for box in detector(image, enlarge)[:1]:
            place = dlib.chip_details(dlib.drectangle(box), dlib.chip_dims(150, 150))
            model.compute_face_descriptor(dlib.extract_image_chip(image, place))

    return timed(lambda: [one(path) for path in job["vga"]], job["seconds"], package="dlib-bin", batch=len(job["vga"]))


def opencv_yunet(job):
    import cv2

    if job["clock"] == "cpu":
        cv2.setNumThreads(1)
    image = cv2.imread(job["vga"][0])
    detector = cv2.FaceDetectorYN.create(job["files"]["yunet"], "", (image.shape[1], image.shape[0]), 0.6)
    return timed(lambda: detector.detect(image), job["seconds"], package="opencv-python-headless")


def openvino(job):
    for name, (path, shape) in job["onnx"].items():
        yield _on_openvino(f"openvino {name}", path, shape)


def _on_openvino(name, path, shape):
    def work(job):
        import numpy as np
        import openvino

        core = openvino.Core()
        model = core.read_model(path)
        model.reshape(shape)
        # it computes in bf16 on some processors unless told otherwise, and moves scores by doing so
        options = {"INFERENCE_PRECISION_HINT": "f32"}
        if job["clock"] == "cpu":
            options["INFERENCE_NUM_THREADS"] = "1"
        compiled = core.compile_model(model, "CPU", options)
        given = np.random.default_rng(0).random(shape, np.float32)
        request = compiled.create_infer_request()
        return timed(lambda: request.infer([given]), job["seconds"], package="openvino", batch=shape[0])

    return name, work


if __name__ == "__main__":
    main()
