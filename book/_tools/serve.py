"""Serve the built site on this machine."""

from __future__ import annotations

import errno
import functools
from argparse import Namespace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from book._tools.command import ROOT, CommandError, Option, command, title

SITE = ROOT / "_build" / "html"


def server(port: int) -> ThreadingHTTPServer:
    """Return a server of the site, or say in a sentence why this port cannot have one.

    Port 0 takes one that is free.
    """
    if not (SITE / "index.html").is_file():
        raise CommandError("There is no built site: call make book first.")
    if not 0 <= port <= 65535:
        raise CommandError(f"A port is a number from 0 to 65535, and {port} is not: PORT=8000.")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(SITE))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"Port {port} is in use; choose another, for example make serve PORT={port + 1}."
            ) from error
        if error.errno == errno.EACCES:
            raise CommandError(
                f"Port {port} is not yours to open; choose one from 1024 on: make serve PORT=8000."
            ) from error
        raise


@command(__doc__, Option("port", type=int, help="the port, 8000 by default in the Makefile"))
def main(options: Namespace) -> None:
    """Serve until the reader presses Ctrl-C."""
    with server(options.port) as serving:
        title(f"serving on http://127.0.0.1:{serving.server_port} until you press Ctrl-C")
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    raise SystemExit(main())
