"""Quick actions: what sellers ask for most, as prompts with blanks. Data only; planning reads it, and plans and judges
it like any other goal.

A play whose tools this house has not says so and is not run.
"""

from __future__ import annotations

from typing import Any

from cuga.model.plan import REFERENCE, PlanStep
from cuga.model.play import Play

_ACCOUNT = "name or id of the account"
_DEAL = "id of the deal"
_CONTACT = "name, address or role of the person, e.g. buyer"
_PRODUCT = "name of the product"


def _step(tool: str, **given: Any) -> PlanStep:
    return PlanStep(tool=tool, name=tool, input=given)


_CHECK = _step("assess_message_quality", message={REFERENCE: {"step": "draft_outbound_message", "path": ""}})

PLAYS: tuple[Play, ...] = (
    Play(
        name="analyze-territory",
        title="Analyze the territory",
        category="territory",
        prompt="Who is overloaded or idle, and which customers are white space?",
        tools=("assess_capacity_coverage", "identify_white_space"),
    ),
    Play(
        name="simulate-territory",
        title="Simulate a territory change",
        category="territory",
        prompt="Show the impact of moving {account} from {source} to {target}, don't change anything",
        tools=("simulate_territory_change",),
        asks={"account": _ACCOUNT, "source": "person or region it leaves", "target": "person or region it goes to"},
    ),
    Play(
        name="apply-territory",
        title="Put an agreed territory plan into effect",
        category="territory",
        prompt="Look at the territory plan of run {run} again and apply it",
        steps=(
            _step("simulate_territory_change", planned_in="{run}"),
            _step("apply_territory_change", plan={REFERENCE: {"step": "simulate_territory_change", "path": "/plan"}}),
        ),
        asks={"run": "id of the run that simulated or balanced it, or its last letters"},
    ),
    Play(
        name="score-prospect",
        title="Score a prospect",
        category="intelligence",
        prompt="Score {account} against our ideal customer profile",
        steps=(_step("score_account_fit", account="{account}"),),
        asks={"account": _ACCOUNT},
    ),
    Play(
        name="research-account",
        title="Research an account",
        category="intelligence",
        prompt="Enrich {account}, find its buying signals, and give me an account brief",
        tools=("enrich_account", "retrieve_account_signals", "build_account_brief"),
        asks={"account": _ACCOUNT},
    ),
    Play(
        name="find-decision-makers",
        title="Find the decision makers",
        category="intelligence",
        prompt="Find the decision makers at {account}",
        steps=(_step("identify_decision_makers", account="{account}"),),
        asks={"account": _ACCOUNT},
    ),
    Play(
        name="cold-email",
        title="Draft a cold email",
        category="engagement",
        prompt="Draft a cold email to the {contact} at {account} about {product} and check it",
        steps=(
            _step("draft_outbound_message", recipient="{contact}", account="{account}", product="{product}"),
            _CHECK,
        ),
        asks={"contact": _CONTACT, "account": _ACCOUNT, "product": _PRODUCT},
    ),
    Play(
        name="follow-up",
        title="Draft a follow-up",
        category="engagement",
        prompt="Draft a follow-up to the {contact} at {account} with the aim: {goal}",
        steps=(
            _step("draft_outbound_message", recipient="{contact}", account="{account}", goal="follow up: {goal}"),
            _CHECK,
        ),
        asks={"contact": _CONTACT, "account": _ACCOUNT, "goal": "what it should achieve"},
    ),
    Play(
        name="five-touches",
        title="Plan a 5-touch sequence",
        category="engagement",
        prompt="Plan a 5 touch sequence for {persona}",
        tools=("plan_cadence",),
        asks={"persona": "whom it is for, e.g. plant managers"},
    ),
    Play(
        name="templates",
        title="See the message templates",
        category="engagement",
        prompt="List the templates of the template library",
        tools=("manage_template_library",),
    ),
    Play(
        name="qualify",
        title="Qualify a deal",
        category="qualification",
        prompt="Qualify deal {opportunity} with {framework}",
        steps=(_step("qualify_opportunity", opportunity="{opportunity}", framework="{framework}"),),
        asks={"opportunity": _DEAL, "framework": "BANT, MEDDICC or MEDDPICC"},
    ),
    Play(
        name="deal-risk",
        title="See what may lose a deal",
        category="qualification",
        prompt="What may stall or lose deal {opportunity}?",
        steps=(_step("assess_deal_risk", opportunity="{opportunity}"),),
        asks={"opportunity": _DEAL},
    ),
    Play(
        name="next-action",
        title="Know what to do next",
        category="qualification",
        prompt="What should I do next on deal {opportunity}?",
        steps=(_step("recommend_next_action", opportunity="{opportunity}"),),
        asks={"opportunity": _DEAL},
    ),
    Play(
        name="product-fit",
        title="Find the products that fit",
        category="knowledge",
        prompt="Match products for {account}, which needs {needs}",
        tools=("match_products",),
        asks={"account": _ACCOUNT, "needs": "what it must do, in words"},
    ),
    Play(
        name="battlecard",
        title="Build a battlecard",
        category="knowledge",
        prompt="Build a battlecard against {competitor} for {product}",
        tools=("build_battlecard",),
        asks={"competitor": "name of the competitor", "product": _PRODUCT},
    ),
    Play(
        name="full-workup",
        title="Work up a prospect from score to draft",
        category="intelligence",
        prompt="Score {account}, enrich it, find who decides there, and draft a first email to the {contact}",
        steps=(
            _step("score_account_fit", account="{account}"),
            _step("enrich_account", account="{account}"),
            _step("identify_decision_makers", account="{account}"),
            _step("draft_outbound_message", recipient="{contact}", account="{account}"),
        ),
        asks={"account": _ACCOUNT, "contact": _CONTACT},
    ),
)
