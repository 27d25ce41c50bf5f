"""The experiments of the book, one file each, as tasks of the training loop.

:mod:`~utils.training.tasks.rotated_mnist` classifies turned digits;
:mod:`~utils.training.tasks.digit_vae` encodes them without labels;
:mod:`~utils.training.tasks.digit_zoo` classifies them with networks of many kinds, and
:mod:`~utils.training.tasks.digits` holds the digits that the three share.
:mod:`~utils.training.tasks.qm9_vae` encodes molecular graphs,
:mod:`~utils.training.tasks.qm9_vae` encodes molecular graphs,
:mod:`~utils.training.tasks.springs` learns how bodies joined by springs push each other, and
:mod:`~utils.training.tasks.latent_actions` encodes digits, by codes that turns of the picture
shift.

A new experiment is one file here with a class that has the members of
:class:`utils.training.task.Task`, and an entry with its presets in
:mod:`utils.training.presets`; the loop, the command line and the checkpoints take it as it is.
"""
