"""What a teacher does with a class: judge what was handed in, and hand out notebooks."""

from __future__ import annotations

from kit.rcu.exercises.classroom.batch import Row, found, judged
from kit.rcu.exercises.classroom.copies import RefusedError, student_copy, write_copies

__all__ = ["RefusedError", "Row", "found", "judged", "student_copy", "write_copies"]
