"""The engine on Restate: needs the extra `restate`, see `docs/howto/restate.md`."""

from cuga.engine.restate.among import Among
from cuga.engine.restate.engine import RestateEngine
from cuga.engine.restate.hold import Alone, Hold
from cuga.engine.restate.queue import RestateQueue
from cuga.engine.restate.sending import Address

__all__ = ["Address", "Alone", "Among", "Hold", "RestateEngine", "RestateQueue"]
