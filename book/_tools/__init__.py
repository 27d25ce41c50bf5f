"""Tools behind the Makefile: execution of the chapters, and files made from pyproject.toml."""
