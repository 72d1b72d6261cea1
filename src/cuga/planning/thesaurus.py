"""What sellers say for the same thing: one line per concept of their work, words and turns of phrase side by side.

No line is a tool's: a contract is found through the concepts that its own name, keywords and purpose belong to. A
word stands in one line only.
"""

from __future__ import annotations

from functools import cache

from cuga.planning.lexicon import DETERMINERS
from cuga.planning.words import stem, tokens

# One concept a line, parted by commas. Turns of phrase leave out articles and possessives ("on [their] plate").
_CONCEPTS = """
fit, icp, ideal customer, ideal profile, sweet spot, kind of customer, sort of customer, kind of company, sort of company, good match, worth time, worth chasing, worth pursuing, should be chasing, should be pursuing, well suited, right for us, in target market, match for us, look like customer, resemble best customer, our type of
signal, news, trigger, announcement, press, raised money, buying intent, funding, fundraising, hiring, going on at, happening at, anything new, what's new, changed at, recent change, new at, new exec, reason to call now, latest on, developments
committee, decision maker, decision-maker, stakeholder, who decides, who decide, calls shots, call shots, signs off, sign off, who signs, holds purse, purse string, holds budget, buying group, buying center, org chart, influencer, economic buyer, gatekeeper, who is in charge, has say, have say, final say, power map, who matters, who to talk to, right people, key people, key players, who approves, who would approve
brief, summary, summarize, overview, recap, rundown, dossier, background, snapshot, digest, lowdown, synopsis, what do we know, what do we have on, everything we have on, all we have on, what have we got on, up to speed, fill me in, catch me up, tell me about, tell me everything, who are they, read up on account, write-up, cheat sheet
enrich, firmographic, technographic, technographics, tech stack, software stack, tech they run, tools they use, technology they use, software do they, company info, company information, company detail, company data, missing info, round out, beef up
prioritize, rank, order, sort, prioritization, priority, deserve attention, deserves attention, deserve call, deserves call, should i call, should we call, call first, contact first, who to call, go after first, focus on first, start with, begin with, hottest, most promising, best leads, best bets, best prospects, target list, call list, worth calling, to go after, to chase, from best to worst, juiciest, where to spend time, spend time on
normalize, clean, tidy, standardize, spelling, misspelled, misspelling, scrub, harmonize, cleanse, consistent format, formatting, typo, one format, same format, messy
duplicate, dupe, double, doubled-up, doubled, dedupe, deduplicate, redundant, more than once, twice, same company, same person, double entry, entered twice, listed twice, twin, merge candidate
dirty, invalid, incomplete, inconsistent, junk, rubbish, garbage, data quality, data hygiene, data health, bad data, missing field, missing value, missing data, blank field, empty field, how clean, holes in data, gaps in data, wrong data, data wrong, patchy, missing owner, incorrect, broken record, state of data
calibrate, recalibrate, weight, tune, retune, relearn, re-learn, retrain, predict win, matter most, factor, attribute, predictive, icp change, icp still, update icp, revise icp, icp right, validate icp, adjust icp
documentation, document, docs, datasheet, spec, manual, warranty, integrate, integration, feature, capability, compatible, works with, work with, difference between, certified, certification, passage, look it up, user guide, technical detail, what does it do, what can it do, do for, how does it work, support for, comes with, on premise, installation
suitable product, which product, what product, which of products, right product, best product, what fits, would fit, would suit, should suit, suits need, meet need, product fit, what should we offer, what could we offer, what to offer, what can we sell, recommend product, match product, requirement, option for customer
battlecard, battle card, competitor, competitive, rival, competition, compete, comparison, stack up, head to head, up against, compare against, beat, differentiate, versus, other vendor, strengths and weaknesses, win against
collateral, brochure, handout, case study, customer story, success story, testimonial, reference, one-pager, one pager, deck, white paper, whitepaper, sales material, marketing material, material, leave-behind, proof, flyer, leaflet, something to share, something to send, to back up
objection, pushback, push back, concern, comeback, rebuttal, hesitation, too expensive, overpriced, what do i say, how do i answer, how do i respond, how should i respond, how should i answer, how can i respond, help me respond, help me answer, counter, pushing back, resistance, they say, they said, told me, claim we, claims we, complaining, complain, best answer to, talk them round
draft, write, compose, craft, pen, thank for, email, mail, message, letter, opener, note, outreach, reach out, drop line, get in touch, put together email, script, nudge, word something, type up, follow up, follow-up, check in with, cold email, intro, introduction, invite, invitation, line to
proofread, critique, quality, readability, any good, good enough, is this good, how does it read, how does this read, sound, sounds, salesy, spam, spammy, pushy, tone, grammar, clarity, review message, feedback on, read well, too long, polished, would you reply, what do you think of
compliance, compliant, legal, lawful, law, allowed, permitted, gdpr, consent, opt-out, opt out, opted out, unsubscribed, unsubscribe, may we, may i, do not contact, suppression, privacy, off limits, regulation, can we legally, rules say, okay to contact, ok to contact, ok to email, permission
cadence, sequence, drip, touch, multi-step, nurture, outreach plan, day apart, week apart, spacing, spaced, series of, contact plan, step campaign, touchpoint plan
schedule, time zone, timezone, when to send, when to call, best time, best hour, send time, send slot, calendar, office hours, local time, working hours, business hours, time of day, good time, right time, when is it best
template, snippet, boilerplate, library, canned, stock text
classify, categorize, reply, response, wrote back, came back with, got back, did mean, does mean, make of it, make of this, replied, answered, interested or not, out of office, incoming, what are they saying, saying yes or no, reading of
send, deliver, dispatch, blast, fire off, send off, mail out, shoot off, push out, hit send, get it out
log, record call, record meeting, record visit, record that, record email, record conversation, record activity, note down, put in crm, make note, jot down, write down, register, add note, enter in crm, into crm that, take note
update, change, set, mark, move stage, advance, bump, push close date, close date, change stage, set stage
qualify, qualification, bant, meddic, meddicc, meddpicc, unknown, gap, real deal, is it real, wishful, not know, don't know, do we lack, still open about, missing from discovery, how solid, well qualified
evidence, extract, fact, transcript, minutes, pull out, tell us, key points, takeaway, what was said, meeting notes, call notes, dig out
risk, risky, riskiest, danger, threat, trouble, jeopardy, slip, stall, red flag, go wrong, wobbly, shaky, unhealthy, healthy, lose this deal, lose deal, might lose, could lose, vulnerable, warning sign, worried, worry, worried about, derail, fall through, deal health, in doubt, endangered, looking weak, at stake
next action, next step, next move, best move, what now, what should i do, what to do, what do i do, should we do, advise, advice, idea, stuck, unstick, move forward, moving again, proceed, next best, get it going, way forward, how to progress, suggest, where do i go from here
hygiene, stale, overdue, outdated, neglected, untouched, quiet, dormant, inactive, silent, gone cold, went cold, gone dark, no activity, wrong stage, past close date, past due, close date passed, close date has passed, no next step, missing next step, out of date, expired, housekeeping, rotting, dusty
mutual action plan, joint plan, close plan, success plan, plan to signature, to signature, work backwards, work back, back plan, who does what, milestone, joint timeline, go-live, plan to close, shared plan, plan with buyer, plan with customer, closing plan, up to signature
meeting, appointment, visit, prep, get me ready, brief me, agenda, talking point, before call, before meeting, upcoming call, sitting down with, i'm seeing, i'm meeting, i am seeing, i am meeting, demo tomorrow, questions to ask, discovery call
discount, rebate, markdown, quote, percent off, off list, price cut, price check, margin, concession, knock off, within policy, special price, price break, approval level, cheaper, reduction
find, list, look up, pull up, search, how many, show, look for, count
pipeline, funnel, conversion, velocity, sales cycle, by stage, between stage, stage conversion, pipeline coverage, coverage ratio, aging, stage by stage, deal flow
forecast, predict, project, projection, outlook, bookings, turnover, revenue, expected, make number, make target, hit number, hit target this, land, best case, worst case, how much will we, will we book, will we close, end up, on track, on course, coming in at, close out quarter, finish quarter, book in, commit number, this quarter's number
win loss, win-loss, why we lose, why did we lose, why do we lose, why we win, why did we win, why do we win, loss reason, win reason, reason we win, reason we lose, lose deal to, lost deal, deals we lost, deals we lose, won and lost, we keep losing, losing to, post-mortem, postmortem, win pattern
persona, archetype, who buys, typical buyer, typical champion, kind of people, type of person, type of people, buyer type, job title, who usually, usually buys, typically buys, people who buy
performance, performer, outperform, leaderboard, scoreboard, league table, win rate, close rate, compare rep, compare seller, top seller, best seller, better rep, noise, luck, lucky, by rep, per rep, sellers by, weakest rep, strongest rep, winning rate, better than, closing rate, rep by
campaign, reply rate, response rate, open rate, meeting rate, a/b, subject line, more replies, got replies, emails perform, mailing, outreach result, which email works, which message works, meetings booked, meetings from
explain, why did, why was, reason for, how come, rationale, reasoning, what made, justify, what led to, behind the
replay, rerun, re-run, run again, repeat, reproduce, same data, once more, over again
audit trail, audit report, evidence bundle, paper trail, export audit, full history of run, for legal, for auditor, compliance document, record of run, document of everything, for compliance
simulate, what if, what happens if, what would happen if, model, impact, reassign, realign, hand over, shift, move account, effect of moving, knock-on, transfer, consequences of, swap
capacity, overloaded, overworked, overstretched, workload, idle, stretched, swamped, bandwidth, uncovered, covered, too much on plate, full plate, enough people, enough rep, enough seller, has room, spare capacity, underused, burned out, too many account, headroom, snowed under, drowning, overbooked, not enough account, too few account, who has time, nobody covers
balance, rebalance, even, fair, equal, equitable, fairly, evenly, split, even out, redistribute, carve up, divide, spread
white space, whitespace, cross-sell, cross sell, upsell, up-sell, buy more, sell more, never bought, not bought, untapped, unsold, expansion, could also buy, don't have yet, not buying, yet to buy, haven't bought, additional sales, hasn't bought
quota, headcount, hire, recruit, ramp, attainment, staffing, how many people, how many rep, how many seller, sales target, realistic, reach target, hit revenue, heads do we need
route, owner, assign lead, who should take, who takes, who gets, who should get, who should own, right rep, inbound, new lead, new enquiry, lead routing, who owns, whose lead, goes to which, pass it to, best placed
apply, commit, write territory, put into effect, roll out, go ahead with
territory, patch, turf, region
seller, rep, salesperson, salespeople, account executive, ae, sdr, bdr
vertical, industry, sector
"""
# Words that may stand for one another inside a turn of phrase.
_ALIKE = """
call ring phone dial telephone
account company customer client firm business prospect buyer organisation outfit
deal opportunity sale
buy purchase
rep seller salesperson
person people folk guy
show tell give
who whom
contract agreement
"""
MOST_GAP = 1  # words that may stand between two words of a turn of phrase


@cache
def _lines() -> tuple[dict[str, str], dict[str, tuple[tuple[tuple[str, ...], str], ...]]]:
    """Stem -> concept of single words, and first stem -> (phrase, concept) of turns of phrase, the longest first."""
    words: dict[str, str] = {}
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for line in _CONCEPTS.strip().splitlines():
        entries = [entry.strip() for entry in line.split(",")]
        concept = "~" + entries[0].replace(" ", "_")
        for entry in entries:
            said = telling_stems(entry)
            if len(said) == 1:
                words.setdefault(said[0], concept)
            elif said:
                phrases.setdefault(same(said[0]), []).append((said, concept))
    return words, {first: tuple(sorted(found, key=lambda one: -len(one[0]))) for first, found in phrases.items()}


def telling_stems(text: str) -> tuple[str, ...]:
    """The stems of a turn of phrase, without articles and possessives."""
    return tuple(token.stem for token in tokens(text) if token.low not in DETERMINERS)


_SAME = {stem(word): stem(line.split()[0]) for line in _ALIKE.strip().splitlines() for word in line.split()}


def same(word: str) -> str:
    """The stem that stands for all that may stand in its place inside a turn of phrase."""
    return _SAME.get(word, word)


def concept_of(word: str) -> str:
    """The concept of a stem; empty when it has none."""
    return _lines()[0].get(word, "")


def is_known(word: str) -> bool:
    """Whether a stem stands anywhere in the thesaurus."""
    words, phrases = _lines()
    return word in words or word in _inside()


@cache
def _inside() -> frozenset[str]:
    return frozenset(word for found in _lines()[1].values() for phrase, _ in found for word in phrase)


def turns(said: tuple[str, ...]) -> list[tuple[str, tuple[str, ...], int]]:
    """(concept, its words, gaps) of each turn of phrase in some stems, the longest first where they overlap."""
    phrases = _lines()[1]
    found = []
    for start, word in enumerate(said):
        for phrase, concept in phrases.get(same(word), ()):
            if (places := spread(phrase, said, start)) is not None:
                found.append((len(phrase), start, concept, tuple(said[at] for at in places), places))
    found.sort(key=lambda one: (-one[0], one[1], one[2]))
    taken: set[int] = set()
    kept = []
    for _, _, concept, phrase, places in found:
        if not taken.intersection(places):
            taken.update(places)
            kept.append((concept, phrase, places[-1] - places[0] + 1 - len(places)))
    return kept


def spread(phrase: tuple[str, ...], said: tuple[str, ...], start: int) -> list[int] | None:
    """Where the words of a phrase stand from `start` on, at most `MOST_GAP` words apart; None when they do not."""
    if same(said[start]) != same(phrase[0]):
        return None
    places = [start]
    for word in phrase[1:]:
        at = next((i for i in range(places[-1] + 1, min(len(said), places[-1] + 2 + MOST_GAP)) if same(said[i]) == same(word)), -1)
        if at < 0:
            return None
        places.append(at)
    return places
