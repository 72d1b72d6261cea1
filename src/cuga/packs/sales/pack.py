"""The sales pack: the tools and plays that the registry loads from this module. Importing it does nothing else."""

from cuga.packs.sales.engagement.cadence import plan_cadence
from cuga.packs.sales.engagement.compliance import check_outreach_compliance
from cuga.packs.sales.engagement.drafting import draft_outbound_message
from cuga.packs.sales.engagement.library import manage_template_library
from cuga.packs.sales.engagement.meeting import propose_meeting, send_meeting_invitation
from cuga.packs.sales.engagement.quality import assess_message_quality
from cuga.packs.sales.engagement.recording import log_activity
from cuga.packs.sales.engagement.replies import classify_reply
from cuga.packs.sales.engagement.results import analyze_outreach_results
from cuga.packs.sales.engagement.sending import send_message
from cuga.packs.sales.engagement.touchpoints import schedule_engagement_touchpoint
from cuga.packs.sales.governance.forecasting import forecast_revenue
from cuga.packs.sales.governance.personas import extract_buyer_personas
from cuga.packs.sales.governance.pipeline import analyze_pipeline
from cuga.packs.sales.governance.quality import audit_data_quality
from cuga.packs.sales.governance.query import query_crm
from cuga.packs.sales.governance.replaying import replay_run
from cuga.packs.sales.governance.reps import compare_rep_performance
from cuga.packs.sales.governance.runs import explain_recommendation, export_audit_report
from cuga.packs.sales.governance.winloss import analyze_win_loss_patterns
from cuga.packs.sales.intelligence.brief import build_account_brief
from cuga.packs.sales.intelligence.calibrating import calibrate_icp
from cuga.packs.sales.intelligence.committee import identify_decision_makers
from cuga.packs.sales.intelligence.duplicates import find_duplicate_records
from cuga.packs.sales.intelligence.enrich import enrich_account
from cuga.packs.sales.intelligence.fit import score_account_fit
from cuga.packs.sales.intelligence.normalize import normalize_account_record
from cuga.packs.sales.intelligence.priorities import prioritize_accounts
from cuga.packs.sales.intelligence.signals import retrieve_account_signals
from cuga.packs.sales.knowledge.battlecard import build_battlecard
from cuga.packs.sales.knowledge.collateral import recommend_collateral
from cuga.packs.sales.knowledge.objections import handle_objection
from cuga.packs.sales.knowledge.passages import retrieve_product_knowledge
from cuga.packs.sales.knowledge.products import match_products
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
from cuga.packs.sales.territory.applying import apply_territory_change
from cuga.packs.sales.territory.balancing import balance_territories
from cuga.packs.sales.territory.capacity import assess_capacity_coverage
from cuga.packs.sales.territory.quota import plan_quota_capacity
from cuga.packs.sales.territory.routing import route_lead
from cuga.packs.sales.territory.simulating import simulate_territory_change
from cuga.packs.sales.territory.whitespace import identify_white_space

NAME = "sales"
VERSION = "1.0.0"
TOOLS = (
    # governance
    query_crm,
    audit_data_quality,
    normalize_account_record,
    find_duplicate_records,
    enrich_account,
    analyze_pipeline,
    forecast_revenue,
    analyze_win_loss_patterns,
    extract_buyer_personas,
    compare_rep_performance,
    explain_recommendation,
    replay_run,
    export_audit_report,
    # intelligence
    score_account_fit,
    calibrate_icp,
    retrieve_account_signals,
    identify_decision_makers,
    retrieve_product_knowledge,
    match_products,
    build_battlecard,
    recommend_collateral,
    handle_objection,
    prioritize_accounts,
    build_account_brief,
    # engagement
    draft_outbound_message,
    assess_message_quality,
    check_outreach_compliance,
    plan_cadence,
    schedule_engagement_touchpoint,
    manage_template_library,
    classify_reply,
    analyze_outreach_results,
    send_message,
    propose_meeting,
    send_meeting_invitation,
    simulate_territory_change,
    assess_capacity_coverage,
    balance_territories,
    apply_territory_change,
    identify_white_space,
    plan_quota_capacity,
    route_lead,
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
