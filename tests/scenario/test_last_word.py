"""What people said of a run counts in the order that they said it in: the last word holds."""

from __future__ import annotations

from cuga.orchestrator import Coordinator, Plan, PlanStep
from cuga.planning.answer import Proposal, Question
from cuga.tools.declare import tool


@tool(domain="engagement", side_effect="execute", cost=1.0)
def post(to: str) -> str:
    """Post something."""
    return to


class Asking:
    """Asks once, then plans; keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def __call__(self, goal, rulebook, *, feedback="", denied=None, as_of=None):
        self.told.append(feedback)
        if not feedback:
            return Question(text="To whom?")
        step = PlanStep(tool="post", input={"to": f"{len(self.told)}"})
        return Proposal(plan=Plan(goal=goal, steps=(step,)))


async def test_an_answer_of_before_stands_before_a_remark_that_came_later():
    planner = Asking()
    async with Coordinator("smb", planner=planner, tools=[post], user="sam") as front:
        run_id = await front.start("post something")
        await front.wait(run_id)
        (question,) = (await front.state(run_id)).questions.values()
        await front.answer_question(run_id, "to Nora", question_id=question.question_id)
        await front.replan(run_id, "to Emil")
        await front.replan(run_id, "shorter")
        await front.replan(run_id, "to Nora")
    assert planner.told == [
        "", "to Nora", "to Nora\nto Emil", "to Nora\nto Emil\nshorter", "to Emil\nshorter\nto Nora",
    ]  # fmt: skip
