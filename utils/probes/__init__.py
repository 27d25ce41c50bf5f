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
clusters with classes, and :mod:`~utils.probes.few_labels` measures with few labels, repeatedly.
All names can be imported from here.
"""

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
from utils.probes.readouts import logistic_accuracy, mlp_r2, ridge_r2

__all__ = [
    "PrincipalComponents",
    "Spread",
    "few_label_accuracy",
    "few_label_accuracy_from_distances",
    "knn_accuracy",
    "knn_accuracy_from_distances",
    "knn_r2",
    "knn_r2_from_distances",
    "logistic_accuracy",
    "mlp_r2",
    "nmi",
    "pca",
    "retrieval_accuracy",
    "retrieval_accuracy_from_distances",
    "ridge_r2",
    "spread",
    "stratified_subset",
]
