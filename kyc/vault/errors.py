"""What can go wrong with a key or a box, and whether trying again helps."""

from __future__ import annotations

from kyc.core.errors import NotFound, Problem, Unavailable


class NoDataKey(NotFound):
    """This owner has no data key here: it does not exist, or belongs to another tenant."""


class KeyDestroyed(Problem):
    status = 410
    code = "key_destroyed"
    detail = "The data was erased: its key has been destroyed."
    next_step = "Nothing can bring it back. Create a new applicant if the person returns."


class BoxTampered(Problem):
    """Wrong key, wrong place or changed bytes: AES-GCM does not say which, so neither do we."""

    status = 500
    code = "box_tampered"
    detail = "Stored data failed its integrity check and was not opened."
    next_step = "Tell the operator: a stored ciphertext was altered, moved or restored to the wrong place."


class KekUnavailable(Unavailable):
    code = "kek_unavailable"
    detail = "The key-encryption key cannot be reached now."


class KekRefused(Problem):
    """The key service answered no: disabled key, missing permission, unknown key id."""

    status = 500
    code = "kek_refused"
    detail = "The key-encryption key refuses this operation."
    next_step = "Tell the operator: check VOUCH_KEYS_URL, the key's state and this process's permission to use it."
