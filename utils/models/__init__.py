"""Neural networks of the book: layers for graphs, rotation-equivariant and ordinary networks."""
