"""Neural networks of the book: layers for graphs, the rotation-equivariant classifier, baselines."""
