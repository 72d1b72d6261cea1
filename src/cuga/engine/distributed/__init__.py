"""The engine of many machines, on Procrastinate: needs the extra `postgres`, see `docs/howto/many-machines.md`."""

from cuga.engine.distributed.attention import Attention, Figures, Job, Take
from cuga.engine.distributed.engine import DistributedEngine
from cuga.engine.distributed.pace import Pace
from cuga.engine.distributed.queue import Database, Queue, prepare, steps

__all__ = ["Attention", "Database", "DistributedEngine", "Figures", "Job", "Pace", "Queue", "Take", "prepare", "steps"]
