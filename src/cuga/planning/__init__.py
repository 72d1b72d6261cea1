"""From a goal to a plan: who plans, how a plan is checked, and what it would cost. Nothing here runs anything."""

from cuga.model.play import Play
from cuga.planning.answer import Answer, Proposal, Question, Refusal
from cuga.planning.authority import Planner, PlanningAuthority, plan_goal
from cuga.planning.check import check
from cuga.planning.forecast import Forecast, ScopeForecast, StepForecast, forecast
from cuga.planning.memory import PastGoal, PastRuns, Recall
from cuga.planning.plays import Ready, goal_of, ready
from cuga.planning.rules import RulePlanner

__all__ = [
    "Answer",
    "Forecast",
    "PastGoal",
    "PastRuns",
    "Planner",
    "PlanningAuthority",
    "Play",
    "Proposal",
    "Question",
    "Ready",
    "Recall",
    "Refusal",
    "RulePlanner",
    "ScopeForecast",
    "StepForecast",
    "check",
    "forecast",
    "goal_of",
    "plan_goal",
    "ready",
]
