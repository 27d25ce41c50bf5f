"""Make a deck of slides of a chapter's built page."""
