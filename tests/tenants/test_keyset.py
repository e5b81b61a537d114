"""The master keyset's file: wrapped by a KMS's key or not, replaced whole or not at all."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
import tink
from tink import aead
from tink.aead import Aead

from app.config import ConfigurationError
from app.tenants import kms
from app.tenants.keyset import Keyset, KeysetFile, create_keyset, number_of
from app.tenants.vault import Vault
from tests.tenancy import becomes

ADDRESS, OTHER = "fake-kms://here/keys/vault", "fake-kms://here/keys/another"


class FakeKms(tink.KmsClient):  # type: ignore[misc] # Tink tells no types
    """A key management service in this process: two keys that never leave it."""

    def __init__(self) -> None:
        self.asked = 0
        self.away = False
        template = aead.aead_key_templates.AES256_GCM
        self._keys = {address: tink.new_keyset_handle(template).primitive(Aead) for address in (ADDRESS, OTHER)}

    def does_support(self, key_uri: str) -> bool:
        return key_uri.startswith("fake-kms://")

    def get_aead(self, key_uri: str) -> Aead:
        self.asked += 1
        if self.away:
            raise ConnectionError("hunter2 is what it was sent")
        return self._keys[key_uri]


@pytest.fixture
def service() -> Iterator[FakeKms]:
    """As an installation registers one with Tink."""
    fake, clients = FakeKms(), tink._kms_clients._kms_clients
    tink.register_kms_client(fake)
    yield fake
    clients.remove(fake)


@pytest.fixture
def wrapped(service: FakeKms, tmp_path: Path) -> KeysetFile:
    create_keyset(tmp_path / "keyset.json", wrapped_by=ADDRESS)
    return KeysetFile(path=tmp_path / "keyset.json", wrapped_by=ADDRESS)


def test_no_key_rests_in_the_clear(wrapped: KeysetFile) -> None:
    (key,) = wrapped.read().keys["key"]
    assert key["keyData"]["value"] not in wrapped.path.read_text()
    assert set(json.loads(wrapped.path.read_text())["keyset"]) >= {"encryptedKeyset"}


def test_a_vault_stands_on_it(wrapped: KeysetFile) -> None:
    assert Vault.load(wrapped.path, ADDRESS).known == wrapped.read().known


def test_it_is_not_asked_again_while_the_file_stays(wrapped: KeysetFile, service: FakeKms) -> None:
    vault = Vault(wrapped)
    asked = service.asked
    service.away = True
    assert vault.refresh()
    assert service.asked == asked


def test_a_service_that_is_away_when_the_file_changed(wrapped: KeysetFile, service: FakeKms) -> None:
    vault = Vault(wrapped)
    wrapped.replace(wrapped.read().with_another())
    service.away = True
    with structlog.testing.capture_logs() as logged:
        assert not vault.refresh()
        assert len(logged) == 1
        assert not vault.refresh()
        assert len(vault.known) == 1
        service.away = False
        assert vault.refresh()
    assert len(vault.known) == 2
    told, taken_up = logged  # once, not at every heartbeat
    cause = f"VAULT_KMS: {ADDRESS} was asked and did not do it (ConnectionError)."
    assert (told["event"], told["log_level"], told["cause"]) == ("keyset not taken up", "error", cause)
    assert (taken_up["event"], taken_up["keys"]) == ("keyset taken up", vault.known)


def test_a_service_that_takes_its_time_keeps_no_heart_from_beating(
    wrapped: KeysetFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, answers = Vault(wrapped), threading.Event()
    wrapped.replace(wrapped.read().with_another())
    monkeypatch.setattr("app.tenants.master.MOMENT_SECONDS", 0.01)
    read = KeysetFile.read

    def slowly(self: KeysetFile) -> Keyset:
        answers.wait(30)
        return read(self)

    monkeypatch.setattr(KeysetFile, "read", slowly)
    assert not vault.refresh()
    assert len(vault.known) == 1
    (reading,) = (one for one in threading.enumerate() if one.name == "keyset")
    assert reading.daemon, "nor a process from ending"
    answers.set()
    assert becomes(vault.refresh)
    assert len(vault.known) == 2


@pytest.mark.parametrize("address", [OTHER, "fake-kms://here/keys/none"])
def test_another_key_does_not_unwrap_it(wrapped: KeysetFile, address: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^VAULT_KMS: {address} was asked and did not do it"):
        KeysetFile(path=wrapped.path, wrapped_by=address).read()


def test_what_a_service_says_is_not_repeated(wrapped: KeysetFile, service: FakeKms) -> None:
    service.away = True
    with pytest.raises(ConfigurationError) as caught:
        wrapped.read()
    assert caught.value.lines == [f"VAULT_KMS: {ADDRESS} was asked and did not do it (ConnectionError)."]


def test_wrapped_without_an_address_and_the_other_way_round(wrapped: KeysetFile, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is wrapped by a KMS; set VAULT_KMS"):
        KeysetFile(path=wrapped.path).read()
    create_keyset(tmp_path / "plain.json")
    with pytest.raises(ConfigurationError, match="is not wrapped, and VAULT_KMS is set"):
        KeysetFile(path=tmp_path / "plain.json", wrapped_by=ADDRESS).read()


@pytest.mark.parametrize(("address", "said"), [("nowhere://x", "nowhere is no service"), ("x", "x is no service")])
def test_services_that_nobody_knows(address: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"{said} .* one of aws-kms://, gcp-kms://, hcvault://\.$"):
        create_keyset(tmp_path / "keyset.json", wrapped_by=address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("aws-kms://arn:aws:kms:us-east-1:1:key/x", "awskms"),
        ("gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k", "gcpkms"),
        ("hcvault://vault.example:8200/transit/keys/k", "hcvault"),
    ],
)
def test_a_client_that_is_not_installed(
    address: str, client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"tink.integration.{client}", None)
    with pytest.raises(ConfigurationError, match=rf"^VAULT_KMS: what speaks to {address} .* requirements-kms\.txt"):
        create_keyset(tmp_path / "keyset.json", wrapped_by=address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("aws-kms://arn:aws:kms:us-east-1:1:key/x", ("aws-kms://arn:aws:kms:us-east-1:1:key/x", None)),
        (
            "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k",
            ("gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k", None),
        ),
        ("hcvault://vault.example:8200/transit/keys/k", ("https://vault.example:8200", "a token")),
    ],
)
def test_a_client_is_told_of_which_key(
    address: str, told: tuple[str, str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its credentials are for each to find, but for the token, which is read where HashiCorp's own tools do."""
    key = Keyset.new().cipher()
    made: list[tuple[str, str | None]] = []

    class Client:
        def __init__(self, url: str, token: str | None) -> None:
            made.append((url, token))

        def get_aead(self, key_uri: str) -> Aead:
            assert key_uri == address
            return key

    def new_aead(path: str, client: object) -> Aead:
        assert isinstance(client, Client)
        assert path == "/transit/keys/k"
        return key

    monkeypatch.setenv("VAULT_TOKEN", "a token")
    monkeypatch.setitem(sys.modules, "tink.integration.awskms", SimpleNamespace(AwsKmsClient=Client))
    monkeypatch.setitem(sys.modules, "tink.integration.gcpkms", SimpleNamespace(GcpKmsClient=Client))
    monkeypatch.setitem(sys.modules, "tink.integration.hcvault", SimpleNamespace(new_aead=new_aead))
    monkeypatch.setitem(sys.modules, "hvac", SimpleNamespace(Client=Client))
    create_keyset(tmp_path / "keyset.json", wrapped_by=address)
    assert KeysetFile(path=tmp_path / "keyset.json", wrapped_by=address).read().numbers
    assert made == [told, told]


def test_services_are_known() -> None:
    assert set(kms.SERVICES) == {"aws-kms", "gcp-kms", "hcvault"}


def test_where_a_rotation_stands() -> None:
    first = Keyset.new()
    assert (first.following, first.former) == ((), ())
    both = first.with_another()
    (following,) = both.following
    assert (both.primary, both.former) == (first.primary, ())
    promoted = both.promoted()
    assert (promoted.primary, promoted.following, promoted.former) == (following, (), (first.primary,))
    assert promoted.known == (following, first.primary)
    last = promoted.without_former()
    assert last.numbers == (following,)
    third = both.with_another()
    assert third.promoted().primary == third.numbers[2], "the newest of those that follow"


def test_each_opens_what_one_before_it_sealed() -> None:
    first = Keyset.new()
    sealed = first.cipher().encrypt(b"said", b"")
    both = first.with_another()
    assert number_of(both.cipher().encrypt(b"said", b"")) == first.primary, "an added key encrypts nothing"
    promoted = both.promoted()
    assert promoted.cipher().decrypt(sealed, b"") == b"said"
    again = promoted.cipher().encrypt(b"said", b"")
    assert number_of(again) == promoted.primary
    assert promoted.without_former().cipher().decrypt(again, b"") == b"said"
    with pytest.raises(tink.TinkError):
        promoted.without_former().cipher().decrypt(sealed, b"")


@pytest.mark.parametrize("ciphertext", [b"", b"\x01", b"\x01\x00\x00\x00", b"\x00\x00\x00\x00\x01rest"])
def test_what_does_not_say_its_key(ciphertext: bytes) -> None:
    assert number_of(ciphertext) is None


@pytest.mark.parametrize("rest", [b"", b"rest"])
def test_what_says_its_key(rest: bytes) -> None:
    assert number_of(b"\x01\x00\x00\x02\x01" + rest) == 513


def test_only_the_demos_keyset_says_that_it_is() -> None:
    assert [Keyset.new(**given).with_another().demo for given in ({"demo": True}, {})] == [True, False]


def test_nothing_of_a_key_is_shown() -> None:
    made = Keyset.new()
    assert made.keys["key"][0]["keyData"]["value"] not in repr(made)


def test_a_keyset_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = KeysetFile(path=tmp_path / "keyset.json")
    file.create(Keyset.new(demo=True))
    before = file.read()

    written: list[Path] = []

    def full(self: Path, _: Path) -> None:
        written.append(self)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        file.replace(before.with_another())
    monkeypatch.undo()
    (new,) = written
    assert (new.parent, new.name.startswith(".keyset.json.")) == (tmp_path, True), "where the next writer finds it"
    assert file.read() == before
    assert [one.name for one in tmp_path.iterdir()] == ["keyset.json"]
    file.replace(before.with_another())
    assert len(file.read().numbers) == 2
    assert file.read().demo
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_writer_left_is_taken_away(tmp_path: Path) -> None:
    file = KeysetFile(path=tmp_path / "keyset.json")
    file.create(Keyset.new())
    (tmp_path / ".keyset.json.abcd").write_text("keys in the clear")
    (tmp_path / "keyset.json.bak").write_text("somebody's")
    file.replace(file.read().with_another())
    assert {one.name for one in tmp_path.iterdir()} == {"keyset.json", "keyset.json.bak"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_it_stays_its_owners(tmp_path: Path) -> None:
    """Rotated by root, it still has to be the gateway's."""
    file = KeysetFile(path=tmp_path / "keyset.json")
    file.create(Keyset.new())
    os.chown(file.path, 12_345, 12_345)
    file.replace(file.read().with_another())
    found = file.path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12_345, 12_345, 0o600)


def test_a_number_is_not_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Keyset.new()
    numbers = iter([first.primary, 7])
    offered: list[range] = []

    def choice(among: range) -> int:
        offered.append(among)
        return next(numbers)

    monkeypatch.setattr("app.tenants.keyset.secrets.choice", choice)
    assert first.with_another().following == (7,)
    assert offered == [range(1, 1 << 32)] * 2, "nought is no number"
