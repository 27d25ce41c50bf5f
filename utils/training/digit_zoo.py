"""The place from which chapter 14 takes `shifted`; see :mod:`utils.training.tasks.digit_zoo`."""

from utils.training.tasks.digit_zoo import shifted as shifted
