r"""What can be read from latent codes: pictures, neighbours, linear classifiers, clusters.

A probe takes codes and labels and returns one number, for labels always between 0 and 1, always
judged on codes it was not fitted on. A probe of quantities, such as the properties of molecules,
returns the share of the variance that it explains, one number for each quantity. The probes are
scikit-learn's; this room fixes their settings, so that numbers in different chapters can be
compared, and says in one sentence what is wrong with bad input. They compute on one thread, so
that the same input gives the same number.

Codes are matrices with one code a row, NumPy arrays or PyTorch tensors; codes, quantities and
distances must be finite numbers, and labels integers. Flatten a code of shape ``(N, k, n)`` with
``codes.flatten(1)`` first. Where only distances are known, as for the quotient metric
:math:`d_{\mathcal Z/G}`, use the functions whose names end in ``_from_distances``: they take a
matrix with one row a query and one column a candidate.

:mod:`~utils.probes.components` draws codes, :mod:`~utils.probes.readouts` fits models to them,
:mod:`~utils.probes.neighbours` asks the nearest codes, :mod:`~utils.probes.clusters` compares
clusters with classes, :mod:`~utils.probes.few_labels` measures with few labels, repeatedly, and
:mod:`~utils.probes.readings` reads the codes of orbits by one projection after the other;
:mod:`~utils.probes.splits` measures codes that are split into an invariant part and a pose, and
learned actions, :mod:`~utils.probes.orders` orders of atoms, and
:mod:`~utils.probes.carriers` puts five codes of turned digits into one table.
All names can be imported from here.
"""

from utils.probes.alignment import AlignmentTest, detect_alignment, orientation_features
from utils.probes.carriers import (
    Carrier,
    CarrierMeasures,
    imposed_carrier,
    learned_carrier,
    lifted_carrier,
    measure_carrier,
    split_carrier,
    table_carrier,
    turned_digits,
)
from utils.probes.clusters import nmi
from utils.probes.components import PrincipalComponents, pca
from utils.probes.few_labels import (
    Spread,
    few_label_accuracy,
    few_label_accuracy_from_distances,
    spread,
    stratified_subset,
)
from utils.probes.neighbours import (
    knn_accuracy,
    knn_accuracy_from_distances,
    knn_r2,
    knn_r2_from_distances,
    retrieval_accuracy,
    retrieval_accuracy_from_distances,
)
from utils.probes.orders import OrderMeasures, measure_order, order_changes, swapped_atoms
from utils.probes.readings import Reading, read_orbits
from utils.probes.readouts import logistic_accuracy, mlp_r2, ridge_errors, ridge_r2
from utils.probes.splits import (
    ContextMeasures,
    Readings,
    SplitMeasures,
    measure_context,
    measure_split,
    pose_angles,
    pose_jumps,
    predicted_orbits,
    read_codes,
)
from utils.probes.tearing import POSES, displaced, pose_waves, relative_changes, spread_of

__all__ = [
    "POSES",
    "AlignmentTest",
    "Carrier",
    "CarrierMeasures",
    "ContextMeasures",
    "OrderMeasures",
    "PrincipalComponents",
    "Reading",
    "Readings",
    "SplitMeasures",
    "Spread",
    "detect_alignment",
    "displaced",
    "few_label_accuracy",
    "few_label_accuracy_from_distances",
    "imposed_carrier",
    "knn_accuracy",
    "knn_accuracy_from_distances",
    "knn_r2",
    "knn_r2_from_distances",
    "learned_carrier",
    "lifted_carrier",
    "logistic_accuracy",
    "measure_carrier",
    "measure_context",
    "measure_order",
    "measure_split",
    "mlp_r2",
    "nmi",
    "order_changes",
    "orientation_features",
    "pca",
    "pose_angles",
    "pose_jumps",
    "pose_waves",
    "predicted_orbits",
    "read_codes",
    "read_orbits",
    "relative_changes",
    "retrieval_accuracy",
    "retrieval_accuracy_from_distances",
    "ridge_errors",
    "ridge_r2",
    "split_carrier",
    "spread",
    "spread_of",
    "stratified_subset",
    "swapped_atoms",
    "table_carrier",
    "turned_digits",
]
