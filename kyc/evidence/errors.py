"""Why an upload was refused. Each is stable API: the code for programs, the sentences for people."""

from __future__ import annotations

from kyc.core.errors import InvalidInput, Problem, Unavailable


class UploadTooLarge(Problem):
    status = 413
    code = "upload_too_large"
    detail = "The upload is larger than is accepted."
    next_step = "Send a JPEG of at most the size named in the API documentation; 12 megapixels are plenty."


class ImageRefused(InvalidInput):
    """Base of what is wrong with an image itself. Nothing was stored."""

    code = "image_refused"


class NotAnImage(ImageRefused):
    code = "not_an_image"
    detail = "The file is not an image."
    next_step = "Send the photograph's own bytes: JPEG, PNG or WebP."


class UnsupportedFormat(ImageRefused):
    code = "unsupported_format"
    detail = "Images of this format are not accepted."
    next_step = "Convert it to JPEG, PNG or WebP."


class Truncated(ImageRefused):
    code = "truncated"
    detail = "The image ends before it is complete."
    next_step = "Upload it again; the transfer may have been cut off."


class Animated(ImageRefused):
    code = "animated"
    detail = "The image has more than one frame."
    next_step = "Send a still photograph."


class TooManyPixels(ImageRefused):
    code = "too_many_pixels"
    detail = "The image has more pixels than are accepted."
    next_step = "Scale it down; 12 megapixels are plenty."


class ImageTooSmall(ImageRefused):
    code = "image_too_small"
    detail = "The image is too small to hold a face."
    next_step = "Send the original photograph, not a thumbnail."


class Polyglot(ImageRefused):
    code = "polyglot"
    detail = "The file is an image and a second file at once."
    next_step = "Send the photograph alone, with nothing appended."


class ImageUnreadable(ImageRefused):
    code = "image_unreadable"
    detail = "The image is damaged."
    next_step = "Open it in a viewer; if it shows, save it again as JPEG and upload that."


class TooDetailed(ImageRefused):
    code = "too_detailed"
    detail = "The image needs more memory or space than is allowed."
    next_step = "Scale it down; 12 megapixels are plenty."


class DecoderCrashed(ImageRefused):
    code = "decoder_crashed"
    detail = "The image could not be decoded safely."
    next_step = ImageUnreadable.next_step


class DecoderTimeout(ImageRefused):
    code = "decoder_timeout"
    detail = "Decoding the image takes longer than is allowed."
    next_step = ImageUnreadable.next_step


class DecoderBusy(Unavailable):
    code = "decoder_busy"
    detail = "Too many images are being read at this moment."
    retry_after = 2


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"
    detail = "The evidence store cannot be reached now."


class MediaShredded(Problem):
    status = 410
    code = "media_shredded"
    detail = "The image was shredded; what is known about it remains."
    next_step = "Nothing can bring it back. Ask for a new upload if it is needed."


class MediaLost(Problem):
    """The row says stored, the store has nothing: an operator's problem, never an answer about the person."""

    status = 500
    code = "media_lost"
    detail = "The stored image is missing from the evidence store."
    next_step = "Tell the operator: restore the object from the evidence store's backup."


# What a helper may answer; anything else counts as a crash.
REFUSALS: dict[str, type[ImageRefused]] = {e.code: e for e in (ImageUnreadable, Animated, TooDetailed)}
