"""The course: exercises of the book as assignments, with numbers of each student's own.

``make course`` writes ``_build/course/``: for each chapter a notebook for students, one with
solutions, what a program marks and what a person marks. :mod:`book.course.task` says what a task
is, :mod:`book.course.tasks` holds the tasks chapter by chapter, :mod:`book.grade` marks.
"""
