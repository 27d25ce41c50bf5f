"""The machine's Chromium, for the commands that print."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

from book._tools.command import CommandError

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def program() -> str | None:
    """Return the path of the machine's Chromium or Chrome, if there is one on the search path."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


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
        If there is none or it does not start, or playwright is not installed.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ModuleNotFoundError as missing:
        raise CommandError("playwright is not installed; `make env-dev` installs it.") from missing

    with sync_playwright() as driver:
        found = program()
        # Where none is on the search path, as on a Mac, Chrome may be among the applications.
        channel = None if found else "chrome"
        try:
            browser = driver.chromium.launch(
                executable_path=found, channel=channel, args=["--no-sandbox"]
            )
        except Error as error:
            if found:
                raise CommandError(f"{found} does not start; call it to see why") from error
            raise CommandError("no Chromium or Chrome on this machine; install one") from error
        try:
            yield browser
        finally:
            browser.close()
