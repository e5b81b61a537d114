"""The names of files: cleaned, so that they can be shown, sent on in a header and stored anywhere."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from app.checks.errors import Unfit

#: What file systems and multipart headers take without a fuss.
MOST_BYTES: Final = 255
#: An ending that is longer is none.
_MOST_ENDING: Final = 16

_SEPARATORS: Final = re.compile(r"[/\\]")
#: What a quoted value in a header, or a file system, takes for something else.
_RESERVED: Final = re.compile(r'[<>:"|?*;%]')
#: Spaces of any kind are one.
_SPACES: Final = re.compile(r"\s+")
#: What Windows takes for a device, whatever follows.
_DEVICE: Final = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³]|CONIN\$|CONOUT\$)\s*(?:\.|$)", re.IGNORECASE)

#: What runs, or shows as a page, where it is opened. Not `.com`: `bank.com.pdf` is a name like any other.
_RUN: Final = (
    "apk app asp aspx bat cgi chm cmd cpl dll docm dotm exe gadget hta htm html inf jar jnlp js jse jsp jspx lnk "
    "mht mhtml msc msh msi msix msp mst php php3 php4 php5 phtml pif potm ppam ppsm pptm ps1 psm1 py pyc rb reg "
    "scf scr sct shtml svg svgz swf sys url vb vbe vbs wasm ws wsc wsf wsh xht xhtml xlam xlsm xltm "
)
_RUNNING: Final = frozenset(_RUN.split())


def clean(filename: str) -> str:
    """The name without path and without characters that cannot be seen or would be misread; the same again when
    cleaned again. Raises Unfit where nothing of it is left.
    """
    name = _SEPARATORS.split(filename)[-1]
    # Line breaks and tabs part words; all else that cannot be seen only hides or turns around what can.
    name = "".join(character for character in _SPACES.sub(" ", name) if unicodedata.category(character)[0] != "C")
    name = _RESERVED.sub("_", unicodedata.normalize("NFC", name))
    name = _shortened(_SPACES.sub(" ", name).strip(" ."))
    if not name.strip("._ -"):
        raise Unfit("bad-file-name")
    return f"_{name}" if _DEVICE.match(name) else name


def ending(name: str) -> str:
    """The ending of a cleaned name in small letters, with its dot; empty where there is none."""
    return _split(name)[1].lower()


def refuse_second_endings(name: str) -> None:
    """`invoice.php.pdf`: some servers go by the first ending, some people by the last."""
    for inner in name.lower().split(".")[1:-1]:
        if inner.strip() in _RUNNING:
            raise Unfit("double-ending", ending=f".{inner.strip()}")


def runs(path: str) -> bool:
    """Whether a file in an archive is called like something that runs."""
    return ending(path.rpartition("/")[2])[1:] in _RUNNING


def _split(name: str) -> tuple[str, str]:
    stem, dot, last = name.rpartition(".")
    return (stem, dot + last) if dot and stem and len(last) <= _MOST_ENDING else (name, "")


def _shortened(name: str) -> str:
    """Cut in the middle: the ending stays. One byte is left for what is put before a device's name."""
    stem, last = _split(name)
    room = MOST_BYTES - 1 - len(last.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + last
