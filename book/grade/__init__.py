"""Mark submissions: ``python -m book.grade submissions/ --course _build/course``."""
