"""Keys that never leave a key management service, by their addresses: they wrap the master keyset where it rests.

The services' own clients are extras (`requirements-kms.in`): they bring a lot, and who keeps the keyset in a file needs
none of it. Each finds its credentials where it always does, in its own variables or the machine's role.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import tink
from tink.aead import Aead

from app.config import ConfigurationError


def _aws(address: str) -> Aead:
    from tink.integration import awskms

    return awskms.AwsKmsClient(address, None).get_aead(address)


def _google(address: str) -> Aead:
    from tink.integration import gcpkms

    return gcpkms.GcpKmsClient(address, None).get_aead(address)


def _hashicorp(address: str) -> Aead:
    import hvac
    from tink.integration import hcvault

    parts = urlsplit(address)
    client = hvac.Client(url=f"https://{parts.netloc}", token=os.environ.get("VAULT_TOKEN"))
    return hcvault.new_aead(parts.path, client)


#: Who speaks to which service, by the scheme of its keys' addresses.
SERVICES: Final[Mapping[str, Callable[[str], Aead]]] = {
    "aws-kms": _aws,
    "gcp-kms": _google,
    "hcvault": _hashicorp,
}


@contextmanager
def asked(address: str) -> Iterator[Aead]:
    """The key of that address, to be asked something; raises ConfigurationError for whatever goes wrong with it."""
    try:
        yield _key(address)
    except ConfigurationError:
        raise
    except ImportError:
        raise _wrong(f"what speaks to {address} is not installed; install requirements-kms.txt") from None
    except Exception as exc:  # noqa: BLE001 - of three services' clients, each with a family of its own
        # What they say may quote what they were sent.
        raise _wrong(f"{address} was asked and did not do it ({type(exc).__name__})") from None


def _key(address: str) -> Aead:
    """Of whoever an installation registered with Tink for it, else of the services above."""
    try:
        return tink.kms_client_from_uri(address).get_aead(address)
    except tink.TinkError:
        pass
    scheme, separator, _ = address.partition("://")
    if not separator or scheme not in SERVICES:
        known = ", ".join(f"{one}://" for one in SERVICES)
        raise _wrong(f"{scheme} is no service that is known here; an address begins with one of {known}")
    return SERVICES[scheme](address)


def _wrong(text: str) -> ConfigurationError:
    return ConfigurationError([f"VAULT_KMS: {text}."])
