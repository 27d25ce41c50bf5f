"""What every benchmark shares: one thread."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread: None) -> None:
    """Compare algorithms, not how well they share the cores."""
