"""Hidden mutants: what marks a student's test.

An exercise "write a test" is marked by implementations that the book does not print. They are not
stored anywhere. :mod:`.forms` has correct implementations, :mod:`.operators` the changes that
break them, :mod:`.generator` makes every change, :mod:`.oracle` keeps what is truly wrong, by the
definitions in :mod:`.subjects`, and :mod:`.choose` draws a course's set by its seed.
"""

from book.course.mutants.choose import Mutant, census, chosen, correct, pool
from book.course.mutants.subjects import SUBJECTS

__all__ = ["SUBJECTS", "Mutant", "census", "chosen", "correct", "pool"]
