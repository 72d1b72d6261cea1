"""Rules that are tried before they hold: against cases that say what they should do, and against what was done."""

from cuga.orchestrator.rehearsal.backtest import Backtest, Diverted, backtest
from cuga.orchestrator.rehearsal.cases import Case, Outcome, read_cases, rehearse
from cuga.orchestrator.rehearsal.stage import Stage

__all__ = ["Backtest", "Case", "Diverted", "Outcome", "Stage", "backtest", "read_cases", "rehearse"]
