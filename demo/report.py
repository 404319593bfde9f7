"""var/demo/report.html: one self-contained page, made for somebody who was not there."""

from __future__ import annotations

import base64
import io
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image
from vouch_client import Vouch

from demo.examiner import Examined
from demo.story import Scene
from demo.table import asked, deciding, meaning
from ml.align import align
from ml.engine import EVIDENCE, EVIDENCE_TEMPLATE

SCALE_END = 1e-5  # right end of the drawn scale; the calibration floor is marked where it lies before that
NAMES = {"selfie": "Selfie", "id_portrait": "ID portrait"}


def write(scenes: list[Scene], examined: Examined, model: dict | None, path: Path, vouch: Vouch) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)
    page = templates.get_template("report.html.j2").render(
        scenes=[shown(n, scene, vouch) for n, scene in enumerate(scenes, 1)],
        examined=examined,
        model=model,
        made=datetime.now().strftime("%d %B %Y, %H:%M"),
    )
    path.write_text(page)
    return path


def shown(number: int, scene: Scene, vouch: Vouch) -> dict[str, Any]:
    case, check = scene.case, deciding(scene.case)
    return {
        "number": number,
        "title": scene.title,
        "who": scene.who,
        "state": case["state"],
        "label": case["state"].replace("_", " "),
        "reasons": case["reasons"],
        "ms": scene.milliseconds,
        "id": case["id"],
        "kind": case["kind"].replace("_", " "),
        "policy": case["policy"],
        "pictures": [picture(name, data, case) for name, data in scene.images.items()],
        "checks": [{**c, "says": says(c)} for c in case["checks"]],
        "scale": scale(check) if check and check["fmr"] else None,
        "meaning": meaning(check),
        "timeline": timeline(case, vouch),
        "webhook": webhook(scene),
    }


def picture(name: str, data: bytes, case: dict) -> dict[str, Any]:
    """A photograph with what the engine saw in it: percentages, so that it scales with the page."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    detail = next((c["detail"] for c in case["checks"] if c["name"] == f"quality.{name}"), {})
    width, height = image.size
    box, points = detail.get("box"), detail.get("landmarks") or []
    crop = None
    if points:
        pixels = align(np.asarray(image), np.array(points, np.float32), EVIDENCE_TEMPLATE, EVIDENCE)
        crop = as_data(Image.fromarray(pixels))
    return {
        "name": NAMES[name],
        "data": as_data(image),
        "width": width,
        "height": height,
        "box": box,
        "points": points,
        "crop": crop,
        "measures": measures(detail),
    }


def measures(detail: dict) -> list[dict[str, Any]]:
    broken = detail.get("broken", {})
    return [
        {"name": name.replace("_", " "), "value": m["value"], "unit": m["unit"], "broken": name in broken}
        for name, m in sorted(detail.get("measures", {}).items())
    ]


def scale(check: dict) -> dict[str, float]:
    """Positions in per cent on the logarithmic scale from "everybody" (FMR 1) to one in 100,000."""
    return {"at": place(check["fmr"]), "threshold": place(1 / asked(check)), "score": check["score"],
            "needed": check["threshold"]}  # fmt: skip


def place(fmr: float) -> float:
    return 100 * min(1.0, math.log10(max(fmr, SCALE_END)) / math.log10(SCALE_END))


def says(check: dict) -> str:
    if check["name"] == "duplicates" and "searched" in check["detail"]:
        d = check["detail"]
        how = "exact" if d["exact"] else f"approximate, recall {d['recall']}"
        return f"searched {d['searched']} of {d['of']}, {how}; {len(d['hits'])} found"
    if check["score"] is not None and check["fmr"] is not None:
        return f"score {check['score']:.3f}, needed {check['threshold']:.3f}; {meaning(check)}"
    return ", ".join(check["reasons"]).replace("_", " ")


def timeline(case: dict, vouch: Vouch) -> list[dict[str, Any]]:
    """The object's own events, oldest first, with milliseconds since the first."""
    events = sorted(vouch.events.list(object_id=case["id"]), key=lambda e: e["sequence"])
    first = moment(events[0]["created_at"]) if events else None
    return [
        {"what": e["type"].removeprefix("verification.").replace("_", " "),
         "ms": (moment(e["created_at"]) - first).total_seconds() * 1000, "id": e["id"]}
        for e in events
    ]  # fmt: skip


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def webhook(scene: Scene) -> dict[str, str] | None:
    if scene.webhook is None:
        return None
    wanted = ("Vouch-Signature", "Vouch-Event-Id", "Vouch-Delivery-Id", "Vouch-Attempt", "Content-Type")
    kept = {k: v for k, v in scene.webhook.headers.items() if k in wanted}
    body = json.dumps(scene.webhook.event, indent=2)
    return {"headers": "\n".join(f"{k}: {v}" for k, v in kept.items()), "body": body}


def as_data(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
