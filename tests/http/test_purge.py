"""Idempotency keys are kept for the day that was promised, and not for ever. No request publishes."""

import ast
from datetime import timedelta

import pytest

from kyc.core import clock
from kyc.core.scope import acting_as_system, atomic
from kyc.http import idempotency
from kyc.http.models import StoredResponse
from tests.data import REPOSITORY
from tests.http.test_idempotency import post
from tests.support.worlds import a_bank, unique, within


@pytest.mark.usefixtures("committed_db")
def test_a_key_survives_a_day_and_is_purged_after_its_time():
    bank, key = a_bank(), unique("key")
    first = post(bank, {"external_reference": "one"}, key)

    def kept_after(age: timedelta) -> bool:
        with acting_as_system("schedule"), atomic():
            idempotency.purge(now=clock.now() + age)
        with within(bank):
            return StoredResponse.objects.filter(key=key).exists()

    assert kept_after(timedelta(hours=24, minutes=1)), "promised: 24 hours at least"
    assert post(bank, {"external_reference": "one"}, key).content == first.content
    assert not kept_after(idempotency.KEEP + timedelta(minutes=1))


def test_no_code_of_the_web_publishes_a_task():
    """`.delay()` and its kin hang when the broker does, and lose what they are told in a crash."""
    publishing = {"delay", "apply_async", "send_task", "delay_on_commit"}
    found = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno}"
        for folder in ("kyc", "workers")
        for path in (REPOSITORY / folder).rglob("*.py")
        if path != REPOSITORY / "workers" / "relay.py"  # the one place that may
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in publishing
    ]
    assert not found, found
