"""Make the data of the chapters ready, once, so that the first chapter need not wait for it."""

from __future__ import annotations

from argparse import Namespace

from book._tools.command import CommandError, command


@command(__doc__)
def main(options: Namespace) -> None:
    """Convert QM9 and read its coordinates, if their caches are not there yet."""
    from utils.data.cache import CacheError
    from utils.data.qm9 import load_clouds, load_dense

    try:
        load_dense()
        load_clouds()
    except (CacheError, OSError) as error:
        raise CommandError(str(error)) from error


if __name__ == "__main__":
    raise SystemExit(main())
