"""The machine's Chromium, for the commands that print."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

from book._tools.command import CommandError

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Start the machine's Chromium, headless, and close it at the end.

    Yields
    ------
    playwright.sync_api.Browser
        The browser.

    Raises
    ------
    CommandError
        If there is none, or playwright is not installed.
    """
    program = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if program is None:
        raise CommandError("no Chromium on this machine (apt-get install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as missing:
        raise CommandError("playwright is not installed; `make env-dev` installs it.") from missing

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
