"""Correct implementations for the exercises "write a test", several of each, none the book's.

They are read as source by :mod:`book.course.mutants.generator`. In each module the functions
without an underscore are implementations and the others their helpers.
"""
