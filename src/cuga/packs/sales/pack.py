"""The sales pack: the tools that the registry loads from this module, and nothing that happens by importing it."""

from cuga.packs.sales.engagement.drafting import draft_outbound_message
from cuga.packs.sales.engagement.quality import assess_message_quality
from cuga.packs.sales.engagement.sending import send_message
from cuga.packs.sales.governance.quality import audit_data_quality
from cuga.packs.sales.governance.query import query_crm
from cuga.packs.sales.intelligence.committee import identify_decision_makers
from cuga.packs.sales.intelligence.duplicates import find_duplicate_records
from cuga.packs.sales.intelligence.enrich import enrich_account
from cuga.packs.sales.intelligence.fit import score_account_fit
from cuga.packs.sales.intelligence.normalize import normalize_account_record
from cuga.packs.sales.knowledge.battlecard import build_battlecard
from cuga.packs.sales.knowledge.collateral import recommend_collateral
from cuga.packs.sales.knowledge.objections import handle_objection
from cuga.packs.sales.knowledge.passages import retrieve_product_knowledge
from cuga.packs.sales.knowledge.products import match_products
from cuga.packs.sales.qualification.opportunity import qualify_opportunity

NAME = "sales"
VERSION = "1.0.0"
TOOLS = (
    query_crm,
    audit_data_quality,
    normalize_account_record,
    find_duplicate_records,
    enrich_account,
    score_account_fit,
    identify_decision_makers,
    retrieve_product_knowledge,
    match_products,
    build_battlecard,
    recommend_collateral,
    handle_objection,
    draft_outbound_message,
    assess_message_quality,
    qualify_opportunity,
    send_message,
)
