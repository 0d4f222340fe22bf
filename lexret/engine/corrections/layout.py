"""Names of the files of corrections, in the folder of an index."""

from __future__ import annotations

from typing import Final

CORRECTIONS_FILE: Final = "corrections.json"
PENDING_FILE: Final = "corrections.pending.json"
CORRECTIONS_LOCK_FILE: Final = "corrections.lock"
