"""The top of a model card: what the pack says of itself (after Mitchell et al. 2019)."""

from __future__ import annotations

from ml.packs import Pack

USES = {
    "recogniser": "Intended for 1:1 verification of an adult's photograph against a reference photograph, and for "
    "searching a tenant's own templates for duplicates. Not for identification in public places, nor for "
    "guessing who someone is, how they feel, or what they belong to.",
    "detector": "Intended for finding faces and five landmarks in photographs that a person took of themselves or of "
    "an identity document. Not for counting or following people.",
    "pad": "Intended as one piece of evidence among several that a photograph shows a person and not a picture of one. "
    "Never alone a reason to approve or to decline.",
    "quality": "Intended to tell an applicant that a photograph should be taken again. Never a reason to decline.",
}


def card_head(pack: Pack) -> str:
    m = pack.manifest
    size = f"{m.input.width} x {m.input.height} px" if m.input.width else "any size"
    out = f"{m.output.size} values" if m.output.size else str(m.output.decoder)
    rows = [
        ("Role", m.role),
        ("Version", m.version),
        ("Architecture", m.architecture),
        ("Licence", m.licence),
        ("Training data", m.training_data),
        ("Source", m.source),
        ("Input", f"{size}, {m.input.colour}"),
        ("Output", out),
        ("Weights SHA-256", f"`{pack.ref.sha256}`"),
    ]
    lines = [
        f"# Model card: {m.name}",
        "",
        USES[m.role],
        "",
        "| | |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in rows),
    ]
    return "\n".join(lines + (["", m.notes] if m.notes else []))
