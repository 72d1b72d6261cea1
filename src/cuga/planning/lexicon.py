"""English words that a goal is built from: what binds, negates, orders and asks, and the nouns for CRM records.

Nothing here knows a tool. What a tool can do is said by its contract alone: name, keywords, purpose, slots.
"""

from __future__ import annotations


def set_of(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


DETERMINERS = set_of("a an the my our your his her its their this that these those any some")
# Words that carry no evidence for a tool.
STOP = set_of(
    """a an the this that these those my our your his her its their it them they we i you me us he she who whom whose
    which what when where why how is are was were be been being am do does did done doing has have had having can
    could will would shall should may might must of to for from in on at by with without within into onto over under
    about as and or but nor if then than so too very just only also please pls plz kindly now today tomorrow soon
    asap right away here there not no none any some all each every both either neither more most less least other
    another such same own up down out off again once let lets us give gimme tell show want need like make get got go
    going thanks thank hey hi hello dear ok okay well really actually maybe perhaps kind sort lot bit time times
    thing things stuff way w/ vs versus via per etc e.g i.e re first second third next last new whats what's who's
    where's there's it's i'm i'd i'll we're we'd we'll you're don't dont doesn't doesnt didn't wont won't can't cant
    isn't aren't still yet even before after while until since because against between them one ones us full some
    max min most best worst top"""
)
GREETING = set_of("hi hello hey yo hiya greetings morning afternoon evening thanks thank you good day dear there cuga")
PRONOUNS = set_of("it its it's this that them they their theirs these those him her he she his each both same")
PLURAL_PRONOUNS = set_of("them they their theirs these those each both")
# Verbs a request may open with; only used to see where a request begins and what it asks that no tool can do.
VERBS = set_of(
    """score rate grade rank prioritize prioritise order sort draft write compose word phrase rewrite reword shorten
    prepare build create make generate produce plan design check review assess evaluate judge verify validate proof
    proofread qualify disqualify send mail email e-mail message blast fire forward post deliver ship call phone text
    dial ping contact reach update change set edit modify move reassign assign shift transfer swap apply commit write
    save store record log note add insert append remove delete drop erase purge wipe merge dedupe clean tidy fix
    normalize normalise standardize map enrich append look search find fetch get pull read query list show display
    tell give explain describe summarize summarise brief outline report audit export import download upload print
    compare contrast match recommend suggest propose advise forecast predict project estimate model simulate analyze
    analyse examine inspect study measure count calculate compute balance split distribute divide route schedule book
    reserve cancel buy order pay refund invoice bill sign close open start stop run replay repeat redo calibrate tune
    train learn extract pick choose select decide identify spot detect flag highlight mark tag classify label
    categorize sort handle answer reply respond follow research investigate profile monitor watch track alert remind
    translate convert install deploy approve reject deny fill complete finish use skip leave ignore keep focus
    put ring thank prep recap nudge introduce jot enter scrub sanitise rerun reproduce recalibrate revise advance bump
    shortlist pitch counter justify tweak polish critique vet interpret decode compile assemble craft pen shoot dispatch
    sum size hand even carve benchmark relearn retrain dedupe deduplicate bring gather collect work walk dig
    hold mention include ask confirm quote cover hire fire invite attach share publish sync push notify"""
)
NEGATIONS = set_of(
    "don't dont not never no without doesn't doesnt shouldn't shouldnt mustn't mustnt can't cant cannot w"
    "on't wont skip omit"
)
WRITING = set_of(
    "write change modify touch alter update edit save commit apply execute anything back overwrite alone untouched"
    " unchanged"
)
# Verbs whose effect lies outside or destroys: asked for without a tool for them, they are named, never swapped.
CONSEQUENTIAL = set_of(
    """send mail blast fire forward post deliver delete remove erase purge wipe drop merge update change set modify
    move reassign transfer apply commit buy pay refund invoice bill sign cancel book hire approve reject deny publish
    deploy install call phone text upload push notify schedule"""
)
ASKING = set_of("see check tell know ask wonder verify decide determine find say explain show")
GENERIC = set_of(
    """report list summary result results table document data file files output answer line format thing planning
    outcome outcomes difference differences problem problems issue issues finding findings reason reasons rest"""
)
TOPICAL = set_of("saying stating noting about regarding re concerning mentioning mention around because against")
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "fifty": 50, "dozen": 12, "hundred": 100,
    "couple": 2,
}  # fmt: skip
IRREGULAR = {
    "written": "write", "wrote": "write", "lost": "lose", "losing": "lose", "loss": "lose", "losses": "lose",
    "won": "win", "winning": "win", "wins": "win", "sent": "send", "sold": "sell", "bought": "buy", "better": "good",
    "people": "person", "criteria": "criterion", "analyses": "analysis", "e-mail": "email", "e-mails": "email",
    "emails": "email", "opp": "opportunity", "opps": "opportunity", "oppty": "opportunity", "acct": "account",
    "accts": "account", "msg": "message", "msgs": "message", "li": "linkedin", "linked-in": "linkedin",
    "qualified": "qualify", "qualification": "qualify", "analysis": "analyze", "forecasting": "forecast",
    "said": "say", "chosen": "choose", "chose": "choose", "made": "make", "built": "build", "found": "find",
}  # fmt: skip
# Nouns for what a CRM holds and tools pass on -> kind of slot.
NOUNS = {
    "account": "account", "company": "account", "customer": "account", "firm": "account", "client": "account",
    "prospect": "account", "organization": "account", "logo": "account",
    "deal": "opportunity", "opportunity": "opportunity",
    "contact": "contact", "buyer": "contact", "recipient": "contact", "person": "contact", "champion": "contact",
    "email": "message", "message": "message", "draft": "message", "mail": "message", "text": "message",
    "copy": "message", "wording": "message",
    "product": "product", "rep": "rep", "seller": "rep", "note": "notes",
    "transcript": "notes", "lead": "lead", "run": "run",
}  # fmt: skip
ENTITY_KINDS = set_of("account opportunity contact product count rep lead role file date amount period")
DATA_NOUNS = set_of("note notes transcript minutes reply replies email mail message thread text log quote excerpt")
SELF_MADE = set_of("draft write compose send build create make prepare generate mail email produce")
ROLE = (
    r"(?:(?:[a-z]+ ){0,2}(?:vice president|head|director|chief) of [a-z]+(?: [a-z]+)?|"
    r"c[efmtiro]o|cfo|ciso|cro|cmo|coo|cio|[es]?vp(?: of)?(?: [a-z]+)?|"
    r"(?:[a-z]+ ){0,2}(?:lead|manager|director|officer|engineer|owner|founder|president|buyer|"
    r"administrator|architect|analyst|partner|controller|supervisor|head|chief|champion|sponsor)s?"
    r"|decision[- ]makers?|procurement|purchasing)"
)
PERIOD = (
    r"(?:q[1-4](?:[ -/]?(?:fy)?\d{2,4})?|h[12](?: ?\d{4})?|fy ?\d{2,4}|(?:this|last|next|previous|current|past|coming)"
    r" (?:\d+ )?(?:days?|weeks?|months?|quarters?|years?)|(?:19|20)\d\d|ytd|year to date|yesterday)"
)
