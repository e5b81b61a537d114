"""What the spool alone writes: `python -m bench.spool FOLDER BYTES COPIES` keeps copies there, prints the seconds."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from uuid import uuid4

import tink
from tink import aead

from app.intake.spool import Spool
from app.intake.spool.local import Folder
from bench.work import pieces


def main() -> None:
    """Write and remove so many copies, one after the other."""
    folder, size, copies = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    aead.register()
    cipher = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM).primitive(aead.Aead)
    spool, took = Spool(Folder(folder)), 0.0
    for _ in range(copies):
        whose, which = uuid4(), uuid4()
        began = time.perf_counter()
        with spool.write(cipher, whose, which, size=size) as writer:
            for piece in pieces(size):
                writer.feed(piece)
        took += time.perf_counter() - began
        spool.remove(which)
    sys.stdout.write(f"{took}\n")


if __name__ == "__main__":
    main()
