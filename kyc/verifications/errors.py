from kyc.core.errors import Conflict, InvalidInput, LostRace


class IllegalMove(Conflict):
    code = "illegal_move"


class InputMissing(InvalidInput):
    code = "input_missing"
    detail = "This kind of verification needs images that were not given."
    next_step = "Upload what is missing to /v1/media and name it here."


class WrongMedia(InvalidInput):
    code = "wrong_media"
    detail = "The media object does not exist, belongs to another applicant, or is of another kind."
    next_step = "Upload the image for this applicant, with the kind the field asks for."


class ConsentMissing(Conflict):
    code = "consent_missing"
    detail = "The applicant has not consented to biometric verification."
    next_step = "Record the consent with POST /v1/applicants/{id}/consents, then submit again."


class NotEnrolled(Conflict):
    code = "not_enrolled"
    detail = "The applicant has no enrolled template to authenticate against."
    next_step = "Run an `enrolment` or an approved `document_selfie` verification first."


class SandboxOnly(InvalidInput):
    code = "sandbox_only"
    detail = "Scripted outcomes exist in the sandbox only."
    next_step = "Use a sandbox key, or leave `sandbox_outcome` out."


__all__ = ["ConsentMissing", "IllegalMove", "InputMissing", "LostRace", "NotEnrolled", "SandboxOnly", "WrongMedia"]
