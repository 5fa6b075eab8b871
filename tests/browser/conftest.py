"""Pages are shown in the one browser of a test process."""

from __future__ import annotations

from tests import chromium

collect_ignore_glob = [] if chromium.IS_HERE else ["test_*.py"]
