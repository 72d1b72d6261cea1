"""Agents under their older names: planner, workers, coordinator. All of their steps run in a house, by its engine."""

from cuga.errors import ApprovalDeniedError, ApprovalTimeoutError, ToolExecutionError
from cuga.modular.agents.coordinator import CoordinatorAgent
from cuga.modular.agents.create import create_coordinator
from cuga.modular.agents.planner import PlannerAgent
from cuga.modular.agents.words import AgentProtocol, AgentRequest, AgentResponse, AgentResult
from cuga.modular.agents.worker import WorkerAgent
from cuga.modular.llm import MockLLM

__all__ = [
    "AgentProtocol",
    "AgentRequest",
    "AgentResponse",
    "AgentResult",
    "ApprovalDeniedError",
    "ApprovalTimeoutError",
    "CoordinatorAgent",
    "MockLLM",
    "PlannerAgent",
    "ToolExecutionError",
    "WorkerAgent",
    "create_coordinator",
]
