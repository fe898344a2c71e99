"""Keys are kept as hashes, several at once, revoked one by one, and read again while the service runs."""

import base64
import json
import threading

import pytest

from slipway.errors import SettingsError
from slipway.serving.app import keys
from slipway.serving.app.keys import Keyring, Scope, new_key, read_keys, revoke_key


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.json"


def opens(ring, secret, scope=Scope.SERVICE):
    return ring.opens(f"Bearer {secret}", scope)


def test_the_file_holds_no_secret(file):
    secret = new_key(file, "app", Scope.SERVICE)
    assert len(secret) >= 43
    assert secret.removeprefix("slipway_") not in file.read_text()


def test_each_of_several_keys_opens_and_a_wrong_one_does_not(file):
    first, second = new_key(file, "one", Scope.SERVICE), new_key(file, "two", Scope.SERVICE)
    ring = Keyring(file)
    assert opens(ring, first)
    assert opens(ring, second)
    assert not opens(ring, first[:-1])
    assert not opens(ring, first + "x")
    assert not opens(ring, "")
    assert not ring.opens("", Scope.SERVICE)
    assert not ring.opens(first, Scope.SERVICE)
    assert not ring.opens(f"Token {first}", Scope.SERVICE)


def test_a_browsers_prompt_works_too(file):
    secret = new_key(file, "app", Scope.SERVICE)
    ring = Keyring(file)
    assert ring.opens("Basic " + base64.b64encode(f"anybody:{secret}".encode()).decode(), Scope.SERVICE)
    assert not ring.opens("Basic " + base64.b64encode(f"{secret}:".encode()).decode(), Scope.SERVICE)
    assert not ring.opens("Basic %%%", Scope.SERVICE)
    assert not ring.opens("Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(), Scope.SERVICE)


def test_the_metrics_key_opens_metrics_and_nothing_else(file):
    service, metrics = new_key(file, "app", Scope.SERVICE), new_key(file, "prometheus", Scope.METRICS)
    ring = Keyring(file)
    assert opens(ring, metrics, Scope.METRICS)
    assert not opens(ring, metrics)
    assert not opens(ring, service, Scope.METRICS)


def test_a_new_and_a_revoked_key_are_seen_while_running(file, monkeypatch):
    monkeypatch.setattr(keys, "_REREAD_SECONDS", 0.0)
    old = new_key(file, "old", Scope.SERVICE)
    ring = Keyring(file)
    new = new_key(file, "new", Scope.SERVICE)
    assert opens(ring, new)
    revoke_key(file, "old")
    assert not opens(ring, old)
    assert opens(ring, new)


@pytest.mark.parametrize("field", ["name", "scope", "sha256", "created", "raw"])
def test_a_key_that_was_pasted_into_the_file_is_shown_by_no_message(file, monkeypatch, capsys, field):
    monkeypatch.setattr(keys, "_REREAD_SECONDS", 0.0)
    secret = new_key(file, "app", Scope.SERVICE)
    ring = Keyring(file)
    pasted = json.loads(file.read_text())
    pasted["keys"][0] |= {secret: secret} if field == "raw" else {field: [secret] if field == "name" else secret}
    file.write_text(json.dumps(pasted))
    assert opens(ring, secret)
    said = capsys.readouterr().err
    assert "the old ones stay valid" in said and secret not in said


@pytest.mark.parametrize("broken", ["", "{", '{"keys":[{"name":"x"}]}', '{"kees":[]}'])
def test_a_broken_file_leaves_the_old_keys_and_says_so(file, monkeypatch, capsys, broken):
    monkeypatch.setattr(keys, "_REREAD_SECONDS", 0.0)
    secret = new_key(file, "app", Scope.SERVICE)
    ring = Keyring(file)
    file.write_text(broken)
    assert opens(ring, secret)
    assert "the old ones stay valid" in capsys.readouterr().err
    with pytest.raises(SettingsError, match="a file of keys"):
        Keyring(file)


def test_a_file_that_was_removed_leaves_the_old_keys(file, monkeypatch):
    monkeypatch.setattr(keys, "_REREAD_SECONDS", 0.0)
    secret = new_key(file, "app", Scope.SERVICE)
    ring = Keyring(file)
    file.unlink()
    assert opens(ring, secret)


def test_a_name_is_taken_once_and_a_key_revoked_once(file):
    new_key(file, "app", Scope.SERVICE)
    with pytest.raises(SettingsError, match="already"):
        new_key(file, "app", Scope.METRICS)
    with pytest.raises(SettingsError, match="up to 64 letters"):
        new_key(file, "a b", Scope.SERVICE)
    revoke_key(file, "app")
    with pytest.raises(SettingsError, match="no key named 'app'"):
        revoke_key(file, "app")


def test_people_who_add_keys_at_the_same_time_lose_none(file):
    threads = [threading.Thread(target=new_key, args=(file, f"key-{n}", Scope.SERVICE)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_keys(file).keys) == 12
