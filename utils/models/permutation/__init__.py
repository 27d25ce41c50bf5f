r"""Linear layers that commute with renumbering the nodes of a graph.

A permutation :math:`\sigma` of the nodes moves features of nodes to :math:`x_{\sigma^{-1}(i)}` and
features of ordered pairs to :math:`A_{\sigma^{-1}(i)\,\sigma^{-1}(j)}`
(:func:`~utils.models.permutation.renumber`). The linear maps that commute with all
:math:`\sigma` are the combinations of 2, 5, 5 and 15 operations, from order 1 (nodes) to 1, 1 to
2, 2 to 1 and 2 (pairs) to 2 (Maron, Ben-Hamu, Shamir & Lipman, "Invariant and Equivariant Graph
Networks", ICLR 2019).

Where the pairs have no direction, the *compact form*
:class:`~utils.models.permutation.GraphFeatures` keeps the diagonal and each unordered pair once:
for nine nodes 9 + 36 rows in the place of 81. The entries of a symmetric matrix are loops and
edges, and there is one basis map for each orbit of pairs of these
(:func:`utils.equivariance.equivariant_basis`). Loop to loop: the same or another one, 2. Loop to
edge: the loop sits on the edge or not, 2; and edge to loop likewise, 2. Edge to edge: equal, with
one node in common, or disjoint, 3. Together **9** operations; from order 1 to 2 and from 2 to 1
there are **4**.

How many are independent depends on the number of nodes, since for small ``n`` some patterns of
equal indices cannot occur (from 1 to 1 the symmetric ones are the directed ones):

=====  ===  ===  ===  ===  =============  =============  =============
n      1→1  1→2  2→1  2→2  symmetric 1→2  symmetric 2→1  symmetric 2→2
=====  ===  ===  ===  ===  =============  =============  =============
1      1    1    1    1    1              1              1
2      2    4    4    8    3              3              5
3      2    5    5    14   4              4              8
≥ 4    2    5    5    15   4              4              9
=====  ===  ===  ===  ===  =============  =============  =============

*Sums are means.* Every sum over nodes or pairs is divided by the number of its terms, so that
all operations return numbers of about the size of their input. This rescales basis maps, and
their span stays the same. One layer fits graphs of every size.

In this package :mod:`~utils.models.permutation.features` holds both kinds of features,
:mod:`~utils.models.permutation.operations` the basis maps one by one,
:mod:`~utils.models.permutation.directed` and :mod:`~utils.models.permutation.symmetric` the layers
with weights, and :mod:`~utils.models.permutation.initialisation` the rule by which these start.
All names can be imported from here.
"""

from utils.models.permutation.directed import EquivariantLinear
from utils.models.permutation.features import (
    GraphFeatures,
    pack_symmetric,
    renumber,
    square_of_pairs,
    unordered_pairs,
    unpack_symmetric,
)
from utils.models.permutation.operations import (
    OPERATION_NAMES,
    OPERATIONS,
    SYMMETRIC_OPERATION_NAMES,
    SYMMETRIC_OPERATIONS,
    Operation,
    operations_1to1,
    operations_1to2,
    operations_2to1,
    operations_2to2,
    symmetric_operations_1to2,
    symmetric_operations_2to1,
    symmetric_operations_2to2,
)
from utils.models.permutation.symmetric import SymmetricEquivariantLinear

__all__ = [
    "OPERATIONS",
    "OPERATION_NAMES",
    "SYMMETRIC_OPERATIONS",
    "SYMMETRIC_OPERATION_NAMES",
    "EquivariantLinear",
    "GraphFeatures",
    "Operation",
    "SymmetricEquivariantLinear",
    "operations_1to1",
    "operations_1to2",
    "operations_2to1",
    "operations_2to2",
    "pack_symmetric",
    "renumber",
    "square_of_pairs",
    "symmetric_operations_1to2",
    "symmetric_operations_2to1",
    "symmetric_operations_2to2",
    "unordered_pairs",
    "unpack_symmetric",
]
