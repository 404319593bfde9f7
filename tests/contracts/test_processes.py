"""What each process may hold in its memory: the web and the io worker stay small and know no model."""

import os
import subprocess
import sys

import pytest

from tests.data import REPOSITORY

WEB = "import kyc.wsgi; from django.urls import get_resolver; assert get_resolver().url_patterns"
IO = (
    "from workers.boot import boot; boot('io'); import workers.tasks, workers.app;"
    "import workers.tasks.deliver, workers.tasks.verify_scripted, workers.tasks.canary"
)
RELAY = "from workers.boot import boot; boot('relay'); import workers.relay, workers.schedule"
GPU = "from workers.boot import boot; boot('gpu'); import workers.engine"
HEAVY = ("torch", "onnxruntime", "cv2", "ml")


def loaded(code: str) -> set[str]:
    """Which heavy modules a process holds after this code."""
    ask = f"{code}\nimport sys; print('HELD', *[m for m in {HEAVY!r} if m in sys.modules])"
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "kyc.settings"}
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=REPOSITORY, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stdout.rsplit("HELD", 1)[1].split())


@pytest.mark.usefixtures("stack_urls")
@pytest.mark.parametrize("code", [WEB, IO, RELAY], ids=["web", "io", "relay"])
def test_web_io_and_relay_boot_without_torch_or_any_model(code):
    assert loaded(code) == set()


@pytest.mark.usefixtures("stack_urls")
def test_the_gpu_worker_does_hold_them_so_this_test_can_fail():
    assert {"torch", "ml"} <= loaded(GPU)


@pytest.mark.usefixtures("stack_urls")
def test_the_web_holds_no_login_that_sees_across_tenants():
    code = "import os; os.environ.pop('DATABASE_SYSTEM_URL', None); os.environ.pop('DATABASE_OWNER_URL', None)\n" + WEB
    code += "\nfrom kyc.core.scope import NoScope, acting_as_system\ntry:\n    acting_as_system('x')\n"
    code += "except NoScope: pass\nelse: raise SystemExit('the web could see across tenants')"
    assert loaded(code) == set()
