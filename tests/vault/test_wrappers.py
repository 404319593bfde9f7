"""The three homes of a key-encryption key keep the same promises; KMS and Vault through their real clients."""

import json
import os
import stat
import threading

import pytest

from kyc.vault.errors import BoxTampered, KekRefused, KekUnavailable
from kyc.vault.wrappers import Context, Wrapped, from_url
from kyc.vault.wrappers.local import LocalKeyFile, create_key_file
from tests.support.doubles import Kms, Transit, serving

HERE = Context("tnt_a", "applicant:app_a")
DATA_KEY = b"d" * 32


@pytest.fixture
def local(tmp_path):
    create_key_file(tmp_path / "kek.json")
    wrapper = from_url(f"file://{tmp_path}/kek.json")
    wrapper.turn = wrapper.add_key
    return wrapper


@pytest.fixture
def kms(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with serving(Kms()) as double:
        double.create_key("alias/vouch")
        wrapper = from_url(f"aws-kms://eu-central-1/alias%2Fvouch?endpoint={double.url}")
        wrapper.double = double

        def turn():
            double.create_key("alias/vouch")
            wrapper.__dict__.pop("_arn", None)  # a restarted process asks again what the alias means

        wrapper.turn = turn
        yield wrapper


@pytest.fixture
def vault(monkeypatch):
    monkeypatch.setenv("VAULT_TOKEN", "t0ken")
    with serving(Transit()) as double:
        wrapper = from_url(f"vault+http://{double.url.removeprefix('http://')}/transit/vouch")
        wrapper.double, wrapper.turn = double, double.rotate
        yield wrapper


@pytest.fixture(params=["local", "kms", "vault"])
def wrapper(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["kms", "vault"])
def remote(request):
    return request.getfixturevalue(request.param)


def test_a_wrapped_key_comes_back(wrapper):
    wrapped = wrapper.wrap(DATA_KEY, HERE)
    assert wrapper.unwrap(wrapped, HERE) == DATA_KEY
    assert DATA_KEY not in wrapped.blob
    assert wrapped.kek_id == wrapper.current()


@pytest.mark.parametrize("elsewhere", [Context("tnt_b", HERE.owner), Context("tnt_a", "applicant:app_b")])
def test_a_wrapped_key_moved_to_another_owner_does_not_unwrap(wrapper, elsewhere):
    wrapped = wrapper.wrap(DATA_KEY, HERE)
    with pytest.raises(BoxTampered):
        wrapper.unwrap(wrapped, elsewhere)


def test_a_changed_blob_does_not_unwrap(wrapper):
    wrapped = wrapper.wrap(DATA_KEY, HERE)
    changed = wrapped.blob[:20] + bytes([wrapped.blob[20] ^ 1]) + wrapped.blob[21:]
    with pytest.raises(BoxTampered):
        wrapper.unwrap(Wrapped(changed, wrapped.kek_id), HERE)


def test_after_rotation_old_keys_unwrap_and_rewrap_under_the_new(wrapper):
    old = wrapper.wrap(DATA_KEY, HERE)
    wrapper.turn()
    assert old.kek_id != wrapper.current()
    assert wrapper.unwrap(old, HERE) == DATA_KEY
    new = wrapper.rewrap(old, HERE)
    assert new.kek_id == wrapper.current()
    assert wrapper.unwrap(new, HERE) == DATA_KEY


def test_an_outage_can_be_retried(remote):
    remote.wrap(DATA_KEY, HERE)
    remote.double.failing = (503, b"{}")
    with pytest.raises(KekUnavailable) as outage:
        remote.wrap(DATA_KEY, HERE)
    assert outage.value.retryable
    remote.double.failing = None
    assert remote.unwrap(remote.wrap(DATA_KEY, HERE), HERE) == DATA_KEY


def test_a_server_that_is_not_there_can_be_retried(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for url in ("aws-kms://eu-central-1/k?endpoint=http://127.0.0.1:9", "vault+http://127.0.0.1:9/transit/k"):
        with pytest.raises(KekUnavailable):
            from_url(url).wrap(DATA_KEY, HERE)


def test_a_disabled_kms_key_is_for_the_operator(kms):
    kms.double.disabled.add(kms.current())
    with pytest.raises(KekRefused) as refusal:
        kms.wrap(DATA_KEY, HERE)
    assert not refusal.value.retryable


def test_a_wrong_vault_token_is_for_the_operator(vault):
    vault.double.token = "another"
    with pytest.raises(KekRefused):
        vault.wrap(DATA_KEY, HERE)


def test_kms_rewraps_without_showing_the_data_key(kms):
    old = kms.wrap(DATA_KEY, HERE)
    kms.turn()
    kms.double.calls.clear()
    kms.rewrap(old, HERE)
    assert kms.double.calls == ["ReEncrypt"]


def test_the_key_file_is_for_its_user_only(local):
    assert stat.S_IMODE(os.stat(local.path).st_mode) == 0o600


def test_a_key_file_open_to_others_is_refused(local):
    os.chmod(local.path, 0o640)
    with pytest.raises(KekRefused, match="open to others"):
        LocalKeyFile(local.path).current()


def test_a_running_process_sees_a_new_key_without_restart(local):
    elsewhere = LocalKeyFile(local.path)
    old = local.current()
    elsewhere.add_key()
    assert local.current() != old
    assert local.wrap(DATA_KEY, HERE).kek_id == local.current()


def test_two_administrators_adding_keys_lose_none(local):
    threads = [threading.Thread(target=LocalKeyFile(local.path).add_key) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(local.path.read_text())["keys"]) == 9


def test_processes_that_start_together_make_one_key_file(tmp_path):
    path = tmp_path / "keys" / "kek.json"
    files = [LocalKeyFile(path, create=True) for _ in range(8)]
    seen = []
    threads = [threading.Thread(target=lambda f=f: seen.append(f.current())) for f in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8 and len(set(seen)) == 1
    assert [p.name for p in path.parent.iterdir()] == ["kek.json"]


def test_a_named_key_file_is_never_made_by_itself(tmp_path):
    """A mistyped path must not start a second key file whose keys nobody backs up."""
    with pytest.raises(KekUnavailable, match="no key file"):
        from_url(f"file://{tmp_path}/typo.json").wrap(DATA_KEY, HERE)
    assert not (tmp_path / "typo.json").exists()


def test_a_key_that_is_gone_from_the_file_is_named(local):
    wrapped = local.wrap(DATA_KEY, HERE)
    local.add_key()
    local.forget_key(wrapped.kek_id)
    with pytest.raises(KekRefused, match=wrapped.kek_id):
        local.unwrap(wrapped, HERE)


def test_the_current_key_cannot_be_forgotten(local):
    with pytest.raises(KekRefused):
        local.forget_key(local.current())


@pytest.mark.parametrize(
    "text", ["", "{}", '{"current": "a", "keys": {"a": "c2hvcnQ="}}', "[1]", '{"current":"a","keys":[]}']
)
def test_a_malformed_key_file_is_reported(local, text):
    local.path.write_text(text)
    with pytest.raises((KekRefused, KekUnavailable)):
        local.current()
