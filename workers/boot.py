"""How a worker process begins: Django ready, and its database logins refused if they could see too much."""

from __future__ import annotations

import os


def boot(process: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kyc.settings")
    os.environ["VOUCH_PROCESS"] = process
    import django

    django.setup()
    from kyc.core.checks import refuse_powerful_logins

    refuse_powerful_logins()
