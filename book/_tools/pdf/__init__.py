"""The book, or a chapter of it, as one PDF."""
