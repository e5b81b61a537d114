"""Whether this process was told to end: it still answers, and says that others should be asked from now on."""

from __future__ import annotations

import threading
from typing import Final

LEAVING: Final = threading.Event()
