"""Signatures, judged by the official verifier."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from app.database import utcnow
from app.webhooks import signing

BODY = '{"type":"upload.delivered","data":{"filename":"año.pdf"}}'.encode()


def test_the_official_verifier_agrees() -> None:
    secret = signing.new_secret()
    headers = signing.headers("0197", BODY, utcnow(), [secret])
    assert Webhook(secret.get_secret_value()).verify(BODY, headers)["type"] == "upload.delivered"
    assert headers.keys() == {"webhook-id", "webhook-timestamp", "webhook-signature"}


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "body"])
def test_each_part_of_it_is_signed(header: str) -> None:
    secret, at = signing.new_secret(), utcnow()
    given = signing.headers("0197", BODY, at, [secret])
    other = {"webhook-id": "0198", "webhook-timestamp": str(int(at.timestamp()) - 1)}
    changed = given | {name: value for name, value in other.items() if name == header}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.get_secret_value()).verify(BODY + b" " if header == "body" else BODY, changed)


def test_while_a_secret_is_replaced_both_are_good_and_no_third() -> None:
    new, old, third = signing.new_secret(), signing.new_secret(), signing.new_secret()
    headers = signing.headers("0197", BODY, utcnow(), [new, old])
    for one in (new, old):
        assert Webhook(one.get_secret_value()).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(third.get_secret_value()).verify(BODY, headers)


@pytest.mark.attack("ways in", "a webhook, sent again later", "its signature is too old")
def test_what_is_old_is_refused() -> None:
    secret = signing.new_secret()
    headers = signing.headers("0197", BODY, utcnow() - timedelta(minutes=6), [secret])
    with pytest.raises(WebhookVerificationError):
        Webhook(secret.get_secret_value()).verify(BODY, headers)


def test_secrets_are_long_marked_and_never_the_same() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    assert one != other
    assert len(base64.b64decode(one.get_secret_value().removeprefix("whsec_"), validate=True)) == 32
    assert one.get_secret_value() not in repr(one)
