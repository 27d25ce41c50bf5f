r"""What asks for a symmetry: held-out data, a reward, or the evidence. Never the training loss.

:mod:`~utils.discovery.partitions` scores every way in which a few means may be equal, by training
loss, held-out loss, BIC and exact evidence. :mod:`~utils.discovery.colourings` does the same for
the entries of a linear map, whose ties are the orbits of a group of permutations, and finds the
group. :mod:`~utils.discovery.bilevel` learns ties by gradient through a validation loss.
:mod:`~utils.discovery.widths` learns a range of rotations by gradient and a reward, as Augerino
does. :mod:`~utils.discovery.evidence` judges such ranges by the exact evidence of a Gaussian
process, and :mod:`~utils.discovery.laplace` by a differentiable approximation for a small network.
All names can be imported from here.
"""

from utils.discovery.bilevel import Quadratic, SoftSharing, learn_sharing, linear_map_loss
from utils.discovery.colourings import (
    automorphisms,
    clusters_by_evidence,
    orbit_colouring,
    permutation_generators,
    ward_path,
)
from utils.discovery.evidence import (
    GaussianProcess,
    WidthEvidence,
    averaged_kernel,
    evidence_of_widths,
    fit_gaussian_process,
    turned_copies,
)
from utils.discovery.laplace import (
    AveragedNetwork,
    LaplaceRun,
    laplace_log_evidence,
    learn_width_by_evidence,
)
from utils.discovery.partitions import (
    adjusted_rand_index,
    bic,
    canonical,
    class_count,
    k_fold_loss,
    negative_log_evidence,
    random_partitions,
    set_partitions,
    shared_means,
    sharing_penalty,
    training_loss,
    validation_loss,
)
from utils.discovery.widths import (
    TASKS,
    LearnedWidth,
    TurnedPictures,
    bayes_loss,
    learn_width,
    predicted_width,
    turn,
    turned_pictures,
)

__all__ = [
    "TASKS",
    "AveragedNetwork",
    "GaussianProcess",
    "LaplaceRun",
    "LearnedWidth",
    "Quadratic",
    "SoftSharing",
    "TurnedPictures",
    "WidthEvidence",
    "adjusted_rand_index",
    "automorphisms",
    "averaged_kernel",
    "bayes_loss",
    "bic",
    "canonical",
    "class_count",
    "clusters_by_evidence",
    "evidence_of_widths",
    "fit_gaussian_process",
    "k_fold_loss",
    "laplace_log_evidence",
    "learn_sharing",
    "learn_width",
    "learn_width_by_evidence",
    "linear_map_loss",
    "negative_log_evidence",
    "orbit_colouring",
    "permutation_generators",
    "predicted_width",
    "random_partitions",
    "set_partitions",
    "shared_means",
    "sharing_penalty",
    "training_loss",
    "turn",
    "turned_copies",
    "turned_pictures",
    "validation_loss",
    "ward_path",
]
