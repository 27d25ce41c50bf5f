"""The data of the book, each from an installed package or from files that the user names.

Nothing is fetched from the network on import or on first use. :mod:`utils.data.cache` keeps
derived files, atomically and with checksums; :mod:`utils.data.qm9` turns the molecules of
QM9 into graphs; :mod:`utils.data.mnist` provides handwritten digits and rotates them;
:mod:`utils.data.splits` divides a data set fairly.
"""
