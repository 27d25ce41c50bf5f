r"""Auto-encoders whose code is acted on by C_n, and measures of how well the code carries it.

:class:`CyclicAutoencoder` is two perceptrons with no symmetry inside. Its code is laid out as ``k``
copies of ``n`` places, which are shifted between encoder and decoder. Whether the shift means
anything is a matter of the loss that it was trained with
(:mod:`utils.training.tasks.latent_actions`). The code of any other auto-encoder can be moved by
matrices that are fitted to it.

:mod:`~utils.models.latent_actions.networks` has the network,
:mod:`~utils.models.latent_actions.moves` says how codes are moved, by shifts or by fitted matrices,
and :mod:`~utils.models.latent_actions.measures` measures. All names can be imported from here.
"""

from utils.models.latent_actions.measures import (
    ActionMeasures,
    encode_orbits,
    measure_action,
    pixel_variance,
    share_within_orbits,
)
from utils.models.latent_actions.moves import (
    Law,
    Move,
    fit_generator,
    fit_maps,
    group_defect,
    move_by_matrices,
    move_by_shifts,
    places,
    powers,
)
from utils.models.latent_actions.networks import CyclicAutoencoder, CyclicAutoencoderConfig

__all__ = [
    "ActionMeasures",
    "CyclicAutoencoder",
    "CyclicAutoencoderConfig",
    "Law",
    "Move",
    "encode_orbits",
    "fit_generator",
    "fit_maps",
    "group_defect",
    "measure_action",
    "move_by_matrices",
    "move_by_shifts",
    "pixel_variance",
    "places",
    "powers",
    "share_within_orbits",
]
