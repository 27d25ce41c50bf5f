"""Neural networks of the book: the rotation-equivariant classifier and its relatives."""
