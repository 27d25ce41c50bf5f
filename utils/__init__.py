"""Shared helpers of the book *Interpreting Equivariant Representations*.

Each module is a room with one subject, and a room imports only from the rooms below it; the
chapters define each idea where they teach it and import it from here everywhere else.
"""

__version__ = "0.1.0"
__book__ = "Interpreting Equivariant Representations"  # by which chapters know their own package
