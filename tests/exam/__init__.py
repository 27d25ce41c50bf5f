"""What the answers of the exam must say, computed from what its questions give.

``ANSWERS`` has a function for each question. It takes what the question gives and returns the
values of the answer, found another way than by the answer's own argument: by trying all elements of
a group, by differences, by listing. Claims that have no number are asserted on the way.
"""

from tests.exam import found_and_relaxed, molecules_and_images, symmetry_and_quotients
from tests.exam.frame import ANSWERS

__all__ = ["ANSWERS", "found_and_relaxed", "molecules_and_images", "symmetry_and_quotients"]
