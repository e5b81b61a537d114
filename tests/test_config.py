"""A wrong or missing setting stops the start with a line that names its variable, and quotes no value."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import ConfigurationError, Settings, load

GOOD = {
    "SECRET_KEY": "k" * 32,
    "DATABASE_URL": "postgresql://ventanilla_app:hunter2@db/ventanilla",
    "VAULT_KEYSET": "keyset.json",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says what has to be said, and nothing else."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_what_has_to_be_said_is_enough() -> None:
    settings = load()
    assert not settings.demo
    assert settings.vault_keyset == Path("keyset.json")
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError) as caught:
        load()
    (line,) = caught.value.lines
    assert line.startswith(f"{name} is missing. ")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SECRET_KEY", "hunter2", "is too short"),
        ("SECRET_KEY", "demo-" + "hunter2" * 8, "is the demo's"),
        ("DATABASE_URL", "mysql://hunter2@db", "postgresql://"),
        ("DATABASE_WORKER_URL", "hunter2", "postgresql://"),
        ("PUBLIC_URL", "gateway.example", "https://gateway.example"),
        ("PUBLIC_URL", "https://gateway.example/counter", "without a path"),
        ("PUBLIC_URL", "https://gateway.example?a=b", "without a path"),
        ("PUBLIC_URL", "https://hunter2@gateway.example", "without a user"),
        ("PUBLIC_URL", "https://gateway.example:port", "port"),
        ("TRUSTED_HOSTS", "https://good.example,gateway.example", "without a path"),
        ("EGRESS_ALLOW", "10.0.0.1", "without a path"),
        ("SANDBOX_URL", "ftp://sandbox", "without a path"),
        ("MAIL_URL", "http://hunter2@mail", "smtp://"),
        ("MAIL_URL", "smtp://", "smtp://"),
        ("MAIL_URL", "file://", "smtp://"),
        ("FORWARDED_ALLOW_IPS", "hunter2", "network"),
        ("UPLOADS_IN_FLIGHT", "0", "greater than"),
        ("DEFAULT_TIMEZONE", "Mars/Olympus", "must be a zone"),
        ("DEFAULT_TIMEZONE", "America", "must be a zone"),
        ("DEFAULT_TIMEZONE", "../../etc/passwd", "must be a zone"),
        ("CONNECT_SECONDS", "-1", "greater than 0"),
        ("DATABASE_POOL", "many", "integer"),
        ("LOG_LEVEL", "loud", "'debug'"),
    ],
)
def test_what_is_wrong_is_named_and_not_quoted(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load()
    (line,) = caught.value.lines
    assert name in line
    assert sentence.lower() in line.lower()
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://Gateway.Example/", "https://gateway.example"),
        ("https://gateway.example:443", "https://gateway.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(written: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", written)
    monkeypatch.setenv("TRUSTED_HOSTS", f" {written} ,http://localhost")
    assert load().origins == {meant, "http://localhost"}


def test_mail_comes_from_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_URL", "smtp://me:hunter2@mail.example")
    with pytest.raises(ConfigurationError, match="MAIL_FROM") as caught:
        load()
    assert "hunter2" not in str(caught.value)
    monkeypatch.setenv("MAIL_FROM", "Ventanilla <ventanilla@mail.example>")
    assert "hunter2" not in repr(load())


@pytest.mark.parametrize(
    ("said", "networks"),
    [
        ("10.0.0.0/8, 127.0.0.1", ["10.0.0.0/8", "127.0.0.1/32"]),
        ("*", ["0.0.0.0/0", "::/0"]),
        ("", []),
    ],
)
def test_proxies_are_named_as_the_server_reads_them(
    monkeypatch: pytest.MonkeyPatch, said: str, networks: list[str]
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", said)
    assert [str(network) for network in load().forwarded_allow_ips] == networks
