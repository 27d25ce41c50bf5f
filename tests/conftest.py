"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.mutants.frame")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT
