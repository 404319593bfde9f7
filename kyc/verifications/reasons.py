"""Every reason a check or decision can give: a stable code, and a sentence the applicant can act on.

`retry` says whether a new picture can help; only then is a resubmission asked for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    applicant: str  # what to tell the person; never says how close an impostor came
    retry: bool


REASONS: dict[str, Reason] = {
    # the picture
    "no_face": Reason(
        "We could not find a face. Hold the camera at eye level, with your whole face in the picture.", True
    ),
    "several_faces": Reason("There is more than one face in the picture. Please be alone in it.", True),
    "face_too_small": Reason("Your face is too small in the picture. Come closer.", True),
    "face_cut_off": Reason("Part of your face is outside the picture. Keep all of it inside.", True),
    "face_covered": Reason("Part of your face is covered. Take away what hides it: hand, mask, hair or object.", True),
    "blurred": Reason("The picture is blurred. Hold still, and wipe the lens.", True),
    "too_dark": Reason("The picture is too dark. Face a window or a lamp.", True),
    "too_bright": Reason("The picture is too bright. Avoid direct light on your face.", True),
    "low_contrast": Reason(
        "The picture has too little contrast. Find even light, away from a bright background.", True
    ),
    "head_turned": Reason("You are looking away. Look straight into the camera.", True),
    "eyes_covered": Reason("We cannot see your eyes. Take off dark glasses and keep hair away.", True),
    "head_tilted": Reason("Your head is tilted. Hold it upright.", True),
    "grayscale": Reason("The picture has no colour. Send a colour photograph.", True),
    "overcompressed": Reason("The picture lost too much detail. Send the original, not a forwarded copy.", True),
    "off_centre": Reason("Your face is at the edge of the picture. Move it to the middle.", True),
    "poor_quality": Reason("The picture is not clear enough. Take a new one in good light.", True),
    "image_unreadable": Reason("The picture could not be read. Take a new one.", True),
    # the person
    "consent_missing": Reason("We need your consent before we can check your identity.", True),
    "consent_withdrawn": Reason("You withdrew your consent, so the check was stopped.", False),
    "presentation_attack": Reason(
        "We could not confirm that you were there in person. Try again in good light.", False
    ),
    "liveness_uncertain": Reason("We could not be sure that you were there in person.", False),
    "liveness_required": Reason("A live capture is needed. Use the capture link.", True),
    "no_pad_pack": Reason("", False),
    "not_required": Reason("", False),
    "not_reached": Reason("", False),
    "face_mismatch": Reason("Your photograph and your document do not show the same person.", False),
    "match_uncertain": Reason("A colleague will compare your photograph and your document.", False),
    "no_reference": Reason("There is no earlier enrolment to compare with.", False),
    "quality_failed": Reason("", False),
    "liveness_failed": Reason("", False),
    "duplicate_face": Reason("A colleague will look at your application.", False),
    "on_block_list": Reason("A colleague will look at your application.", False),
    "image_reused": Reason("A colleague will look at your application.", False),
    "same_file_twice": Reason("The selfie and the document portrait are the same file. Take a selfie now.", True),
    # the machine
    "no_calibrated_model": Reason("A colleague will look at your application.", False),
    "score_not_a_number": Reason("A colleague will look at your application.", False),
    "processing_failed": Reason("Something went wrong on our side. A colleague will look at your application.", False),
    "deadline_passed": Reason("Something went wrong on our side. A colleague will look at your application.", False),
    "submissions_used_up": Reason("The number of attempts is used up.", False),
    "decided_by_reviewer": Reason("A colleague looked at your application and could not approve it.", False),
    "reopened": Reason("A colleague looks at your application again.", False),
}


def sentence(code: str) -> str:
    return REASONS[code].applicant if code in REASONS else ""


def can_retry(codes) -> bool:
    """A new picture can help when every reason is of the kind it can mend."""
    return bool(codes) and all(code in REASONS and REASONS[code].retry for code in codes)
