"""The engine of many machines, on Procrastinate: needs the extra `postgres`, see `docs/howto/many-machines.md`."""

from cuga.engine.distributed.engine import DistributedEngine
from cuga.engine.distributed.pace import Pace
from cuga.engine.distributed.queue import Database, Figures, Queue, prepare, steps
from cuga.engine.distributed.worker import Job

__all__ = ["Database", "DistributedEngine", "Figures", "Job", "Pace", "Queue", "prepare", "steps"]
