from __future__ import annotations

import re
import time
from typing import get_args

from kyc.webhooks.sender import ErrorClass
from kyc.webhooks.signing import new_secret, sign
from kyc.webhooks.tables import PAGE, filled
from tests.data import REPOSITORY

BODY = b'{"id":"evt_1"}'


def test_the_page_says_what_the_code_does():
    assert PAGE.read_text() == filled(PAGE.read_text())


def test_the_ten_lines_of_the_page_verify_what_we_sign():
    verify = the_snippet()
    secret, now = new_secret(), int(time.time())
    assert verify(BODY, sign(BODY, [secret], at=now), secret)
    assert verify(BODY, sign(BODY, [secret, "whsec_old"], at=now), "whsec_old")
    assert not verify(BODY + b" ", sign(BODY, [secret], at=now), secret)
    assert not verify(BODY, sign(BODY, [secret], at=now), "whsec_other")
    assert not verify(BODY, sign(BODY, [secret], at=now - 301), secret)


def the_snippet():
    code = re.search(r"<!-- snippet: verify -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    namespace: dict = {}
    exec(code, namespace)
    return namespace["verify"]


def test_every_error_and_every_setting_is_explained():
    page = PAGE.read_text()
    settings = (REPOSITORY / "kyc" / "settings.py").read_text()
    for name in (*get_args(ErrorClass), *re.findall(r'"(VOUCH_WEBHOOK_\w+)"', settings)):
        assert f"`{name}`" in page, name
