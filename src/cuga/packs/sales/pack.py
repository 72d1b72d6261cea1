"""The sales pack: the tools and plays that the registry loads from this module. Importing it does nothing else."""

from cuga.packs.sales.engagement.drafting import draft_outbound_message
from cuga.packs.sales.engagement.quality import assess_message_quality
from cuga.packs.sales.engagement.recording import log_activity
from cuga.packs.sales.engagement.sending import send_message
from cuga.packs.sales.governance.query import query_crm
from cuga.packs.sales.intelligence.committee import identify_decision_makers
from cuga.packs.sales.intelligence.fit import score_account_fit
from cuga.packs.sales.plays import PLAYS as PLAYS
from cuga.packs.sales.qualification.action import recommend_next_action
from cuga.packs.sales.qualification.action_plan import build_mutual_action_plan
from cuga.packs.sales.qualification.brief import prepare_meeting_brief
from cuga.packs.sales.qualification.changing import update_opportunity
from cuga.packs.sales.qualification.extraction import extract_deal_evidence
from cuga.packs.sales.qualification.hygiene import check_stage_hygiene
from cuga.packs.sales.qualification.opportunity import qualify_opportunity
from cuga.packs.sales.qualification.quote import review_quote
from cuga.packs.sales.qualification.risk import assess_deal_risk

NAME = "sales"
VERSION = "1.0.0"
TOOLS = (
    # governance
    query_crm,
    # intelligence
    score_account_fit,
    identify_decision_makers,
    # engagement
    draft_outbound_message,
    assess_message_quality,
    send_message,
    log_activity,
    # qualification
    qualify_opportunity,
    extract_deal_evidence,
    assess_deal_risk,
    recommend_next_action,
    check_stage_hygiene,
    build_mutual_action_plan,
    prepare_meeting_brief,
    review_quote,
    update_opportunity,
)
