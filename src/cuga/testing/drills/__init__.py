"""Fault drills: a journal is cut, spoilt, starved and unplugged many times, and what it then says is held against what
it had answered.

Each drill answers with a `Tally`: how many trials, what became of them, and the faults. A fault is a loss or an altered
word that nobody named; that something was lost and named is what the drill looks for, not a fault.

    python -m cuga.testing.drills cuts --count 5000 --seed 1
"""

from cuga.testing.drills.tally import Tally

__all__ = ["Tally"]
