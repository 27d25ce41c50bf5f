r"""Finite groups, their actions and their representations.

* A :class:`~utils.groups.FiniteGroup` is a multiplication table (:mod:`~utils.groups.finite`); its
  axioms are checked in :mod:`~utils.groups.axioms`, and the well-known groups are made in
  :mod:`~utils.groups.families`. A :class:`~utils.groups.SetAction` lets it permute finitely many
  points.
* An :class:`~utils.groups.Action` moves batches of tensors (:mod:`~utils.groups.action`). It is
  open: a reader adds a group by subclassing it.
* A :class:`~utils.groups.Representation` acts on :math:`\mathbb{R}^d` by matrices
  (:mod:`~utils.groups.representations`); :mod:`~utils.groups.characters` splits it into
  irreducible ones, and :mod:`~utils.groups.reflections` makes one from mirrors.
* :class:`~utils.groups.CyclicShifts` and :class:`~utils.groups.PointPermutations` act on latent
  codes without any matrix (:mod:`~utils.groups.codes`).
* A :class:`~utils.groups.LieGroup` moves points, and lifts them to its elements
  (:mod:`~utils.groups.lie_groups`): translations, rotations, similarities and motions.
* Rotations of space are drawn at random, listed for a cube and generated in
  :mod:`~utils.groups.rotations`.

Orbits, stabilisers and Burnside's lemma are in :mod:`~utils.groups.orbits`. All names can be
imported from here::

    from utils.groups import cyclic, regular_representation

    rho = regular_representation(cyclic(8))

All actions are left actions: acting with :math:`h` and then with :math:`g` is acting with
:math:`gh`. All matrices are ``float64`` and read-only.
"""

from utils.groups.action import Action, Group
from utils.groups.axioms import AxiomReport, check_axioms
from utils.groups.characters import (
    character,
    character_inner_product,
    decompose,
    irreps,
    isotypic_projection,
    reynolds_operator,
)
from utils.groups.codes import CyclicShifts, PointPermutations
from utils.groups.families import cyclic, dihedral, direct_product, symmetric
from utils.groups.finite import FiniteGroup, SetAction
from utils.groups.lie_groups import (
    LieGroup,
    Motions,
    Rotations,
    Similarities,
    Translations,
    Trivial,
)
from utils.groups.orbits import burnside_count, count_colourings, orbit, stabilizer
from utils.groups.reflections import chamber_walls, reflection_group, reflection_mirrors
from utils.groups.representations import (
    Representation,
    direct_sum,
    permutation_representation,
    regular_representation,
    tensor_product,
    trivial_representation,
)
from utils.groups.rotations import cube_rotations, random_rotations, rotation_generators

__all__ = [
    "Action",
    "AxiomReport",
    "CyclicShifts",
    "FiniteGroup",
    "Group",
    "LieGroup",
    "Motions",
    "PointPermutations",
    "Representation",
    "Rotations",
    "SetAction",
    "Similarities",
    "Translations",
    "Trivial",
    "burnside_count",
    "chamber_walls",
    "character",
    "character_inner_product",
    "check_axioms",
    "count_colourings",
    "cube_rotations",
    "cyclic",
    "decompose",
    "dihedral",
    "direct_product",
    "direct_sum",
    "irreps",
    "isotypic_projection",
    "orbit",
    "permutation_representation",
    "random_rotations",
    "reflection_group",
    "reflection_mirrors",
    "regular_representation",
    "reynolds_operator",
    "rotation_generators",
    "stabilizer",
    "symmetric",
    "tensor_product",
    "trivial_representation",
]
