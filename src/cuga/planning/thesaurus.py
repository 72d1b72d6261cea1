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
fit, icp, ideal customer, ideal profile, sweet spot, kind of customer, sort of customer, type of customer, kind of account, good match, bad match, worth time, worth effort, worth chasing, worth pursuing, worth going after, worth punt, worth it, worthwhile, waste of time, should be chasing, should be pursuing, should we pursue, should i pursue, should we bother, well suited, right for us, in target market, match for us, look like customer, resemble best customer, our type of, attractive, interesting customer, interesting for us, good prospect, good target, good customer, right customer, grade, evaluate account, suitable customer, target profile, ideal client, potential customer, meets criteria, meet criteria, tick boxes, ticks boxes, how close to ideal, lookalike
signal, news, trigger, announcement, press, headline, gossip, rumour, rumor, buzz, raised money, buying intent, in-market, in market for, funding, fundraising, hiring, going on at, happening at, happening with, anything new, what's new, changed at, recent change, new at, new exec, new leadership, leadership change, reason to call now, latest on, latest from, development, recently done, up to lately, been up to, event, expansion plan, acquisition, merger, layoff, reorganization, opened new, intent data, why now
committee, decision maker, decision-maker, decision taker, decider, stakeholder, who decides, who decide, who makes decision, makes the call, calls shots, call shots, signs off, sign off, sign-off, signs cheque, who signs, has signature, holds purse, purse string, holds budget, owns budget, controls budget, buying group, buying center, org chart, organigram, influencer, economic buyer, gatekeeper, blocker, who is in charge, who is who, who's who, have say, has say, final say, final word, power map, map power, power line, hierarchy, who matters, who to talk to, who do i talk to, who should i talk to, who do i speak to, right person, right people, right contact, key people, key person, key players, people involved, who approves, who would approve, authority, sponsor, multithread, multi-thread, multithreading, who is involved, who else is involved, who has power, stakeholder map, ask for at
brief, summary, summarize, sum up, overview, recap, rundown, run-down, dossier, background, snapshot, digest, lowdown, low-down, synopsis, gist, skinny, profile of, one-page profile, primer, what do we know, what do i know, what do we have on, everything we have on, everything we know, all we have on, all we know, what have we got on, what is known, up to speed, brief me on, fill me in, catch me up, tell me about, tell me everything, who are they, write-up, cheat sheet, bring together what, facts on, story with, story on, history with, history of account, 360, big picture, where do we stand with, account plan, research, look into, get to know, learn about, dig into
enrich, enrichment, firmographic, technographic, technographics, tech stack, software stack, stack of, tech they run, tools they use, technology they use, software do they, systems do they, company info, company information, company detail, company data, company fact, missing info, round out, beef up, flesh out, complete profile, complete record, fill in blank, fill in field, append, supplement, more data on, employee count, how big is, how large is, external data, third-party data, data provider
prioritize, rank, ranking, order, sort, prioritization, priority, triage, shortlist, top account, top lead, top prospect, deserve attention, deserves attention, need attention, deserve call, deserves call, should i call, should we call, should i visit, should i contact, should i email, should i tackle, should we target, should i target, call first, contact first, visit first, work first, tackle first, who first, which first, who to call, who to target, who to contact, which to call, go after first, where to focus, focus on first, start with, begin with, hottest, hot lead, warmest, most promising, most likely to buy, likeliest to buy, best leads, best bets, best prospects, best opportunities to, target list, call list, calling list, hit list, ring list, todo list, worth calling, to go after, to chase, from best to worst, best to worst, best first, highest first, juiciest, spend time, spend day, spend morning, low-hanging, biggest potential, highest potential, most potential, best potential, in order of, order of importance, line up calls, who next
normalize, clean, clean-up, tidy, standardize, spelling, misspelled, misspelling, scrub, harmonize, unify, uniform, cleanse, consistent format, consistent, formatting, reformat, typo, one format, same format, messy, mess, straighten, homogenize, canonical, convert field, map column, map field, tidy up, sanitize, fix name, fix column, fix field, abbreviation
duplicate, dupe, double, doubled-up, doubled, dedupe, dedup, de-dupe, de-duplicate, deduplicate, redundant, more than once, twice, same company, same person, same customer, double entry, entered twice, listed twice, twin, merge candidate, copies, repeated record, repeated, overlapping record, in there several, several times, multiple times, multiple record, identical
dirty, invalid, incomplete, inconsistent, junk, rubbish, garbage, crap, data quality, data hygiene, data health, data audit, data issue, data problem, bad data, missing field, missing value, missing data, blank, left blank, empty field, empty, not filled, unfilled, how clean, how bad data, how good data, holes in data, gaps in data, wrong data, data wrong, patchy, missing owner, incorrect, broken record, broken field, state of data, completeness, trust data, rely on data, reliable data, accurate data, data accuracy, data integrity, garbage in, audit data, audit crm, orphan
calibrate, recalibrate, weight, weighting, tune, retune, fine-tune, relearn, re-learn, retrain, predict win, predicts win, matter most, matters most, factor, attribute, predictive, icp change, icp still, update icp, revise icp, rethink icp, change icp, icp right, icp wrong, validate icp, adjust icp, test icp, icp hold, icp work, scoring model, scoring hold, scoring work, score predict, scores predict, backtest score, statistically, correlate with win, what makes good customer, learn from closed, learn from past, redefine ideal
documentation, document, docs, datasheet, data sheet, spec, specification, manual, warranty, guarantee, integrate, integration, feature, functionality, capability, compatible, compatibility, works with, work with, difference between, certified, certification, passage, look it up, user guide, handbook, technical detail, what does it do, what can it do, do for, how does it work, how does work, support for, comes with, on premise, on-premise, on site, on-site, offline, installed, installation, deployment option, api, sla, uptime, encrypted, encryption, run on, available in, able to handle, how many users, max user, product info, product detail, product question, technical question, faq, say about, read up
suitable product, which product, what product, which of products, right product, best product, what fits, would fit, would suit, should suit, suits need, meet need, fits need, product fit, what should we offer, what should i offer, what could we offer, what to offer, what can we sell, what should i sell, what should we sell, what should i pitch, should i pitch, recommend product, match product, requirement, option for customer, which model, which package, which plan, right solution, which solution, what would work for, looking for something, needs something, suitable for, appropriate for, which one suits, portfolio
battlecard, battle card, competitor, competitive, rival, competition, compete, comparison, stack up, stacks up, head to head, head-to-head, up against, compare against, measure up, beat, differentiate, differentiator, versus, vs, other vendor, strengths and weaknesses, strength and weakness, win against, better than competitor, why us, why choose us, edge over, advantage over, against competitor, displace, kill points, landmine, we better
collateral, brochure, handout, case study, customer story, success story, testimonial, reference, referenceable, one-pager, one pager, deck, slide, white paper, whitepaper, sales material, marketing material, marketing content, material, leave-behind, proof, flyer, leaflet, something to share, something to send, anything to send, to back up, to send over, content for, asset, ebook, webinar recording, example customer, similar customer, proof point, video, what can i share, what can i send, what should i send, show prospect
objection, pushback, push back, concern, comeback, rebuttal, rebut, hesitation, too expensive, too pricey, too costly, overpriced, what do i say, what should i say, what can i say, what do i tell, how do i answer, how do i respond, how do i react, how do i handle, how should i respond, how should i answer, how should i react, how can i respond, how to handle, help me respond, help me answer, answer to that, counter, pushing back, resistance, skeptical, sceptical, doubt, they say, they said, told me, claim we, claims we, complaining, complain, best answer to, talk them round, says no budget, no budget, no need, happy with current, already use, already have, build it themselves, talk track
draft, write, compose, craft, pen, thank for, thank-you, email, mail, message, letter, opener, note, outreach, reach out, drop line, drop a line, get in touch, put together email, knock up email, script, nudge, ping, word something, type up, follow up, follow-up, chaser, check in with, cold email, intro, introduction, introduce, invite, invitation, line to, voicemail, few lines, write-up to, inmail, dm, sms, text message, re-engage, reengage, win back, prepare mail, come up with email, wording for, text for, first touch, breakup
proofread, proof this, critique, quality, readability, any good, good enough, is this good, is this ok, how does it read, how does this read, how is this email, sound, sounds, salesy, spam, spammy, pushy, tone, grammar, clarity, clear enough, review message, review email, review draft, check draft, check email, check wording, feedback on, read well, too long, too short, too aggressive, polished, would you reply, what do you think of, look over, improve email, second opinion, score email, rate email, rate message, can be improved, strong enough, decent
compliance, compliant, legal, legally, lawful, law, allowed, permitted, permit, gdpr, consent, opt-out, opt-in, opt out, opted out, opted in, unsubscribed, unsubscribe, may we, may i, do not contact, don't contact, dnc, suppression, suppressed, privacy, off limits, off-limits, regulation, can we legally, okay to contact, ok to contact, ok to email, okay to email, ok to write, safe to email, permission, blocked from, on blocklist, blacklist, can-spam, casl, pecr, allowed to mail, cold-email legally, rules for
cadence, sequence, drip, touch, multi-step, multistep, multi-touch, nurture, nurturing, outreach plan, outreach campaign, outreach schedule, day apart, days between, week apart, spacing, spaced, series of, row of, contact plan, contact strategy, step campaign, step plan, touchpoint, touchpoint plan, steps over, touches over, emails over, step outreach, follow-up plan, follow-up series, prospecting plan, prospecting sequence, spread over
schedule, time zone, timezone, when to send, when to call, when should i send, when should i call, when should we send, when do i send, what time, which day, best time, best hour, best day, best moment, send time, send slot, slot, time slot, calendar, office hours, local time, working hours, business hours, opening hours, time of day, day of week, good time, right time, when is it best, avoid holiday, avoiding holiday, public holiday, bank holiday, holiday
template, snippet, boilerplate, library, canned, stock text, saved text, text block, standard text, standard email, placeholder text
classify, categorize, reply, response, wrote back, writes back, came back with, got back, got reply, did mean, does mean, means what, make of it, make of this, make of reply, replied, answered, interested or not, out of office, auto-reply, incoming, what are they saying, saying yes or no, yes or no, is it a no, is that a no, is that a yes, interpret, decode, read between, positive or negative, bounce, bounced, how to read, understand answer, reply mean, answer mean, latest email says, email says, sentiment
send, deliver, dispatch, blast, fire off, fire it off, send off, mail out, shoot off, push out, hit send, get it out, get this out, release it, out the door, ship it, mass mail
log, record call, record meeting, record visit, record that, record email, record conversation, record activity, note down, put in crm, make note, jot down, jot, write down, register, add note, add to crm, add it to crm, enter in crm, enter call, into crm that, take note, note for the file, note that, keep record, capture call, capture that, track call, had call with, spoke with, document call, document that, save call, remember that
update, change, set, mark, move stage, move deal, advance, bump, push close date, change close date, close date to, change stage, set stage, next stage, stage to, stage on, set amount, amount to, close as, flip to, edit deal, modify deal, mark as, amend, adjust amount, postpone, reschedule deal
qualify, qualification, qualified, properly qualified, bant, meddic, meddicc, meddpicc, spin, unknown, gap, real deal, is it real, deal real, wishful, kidding, not know, don't know, do we lack, still open about, missing from discovery, how solid, how real, well qualified, disqualify, serious buyer, serious about buying, have budget, do they have budget, has budget, tyre kicker, tire kicker, legit, is this winnable, winnable, go or no-go, worth keeping, need to find out, still to find out, still need to learn
evidence, extract, fact, transcript, minutes, pull out, tell us, key points, takeaway, what was said, what did they say, meeting notes, call notes, call recording, conversation notes, dig out, learned from call, learn from call, from call, work out what, quotes from, hints in, mentioned in
risk, risky, riskiest, danger, dangerous, threat, threaten, trouble, jeopardy, slip, slipping, stall, stalled, stalling, red flag, flags on, go wrong, wobbly, shaky, weak spot, unhealthy, healthy, health of deal, lose this deal, lose deal, losing deal, lose it, might lose, could lose, about to lose, vulnerable, warning sign, worried, worry, worried about, worry about, derail, fall through, fall apart, falling apart, collapse, blow up, blows up, deal health, in doubt, endangered, looking weak, weakest deal, at stake, probability that we lose, odds of losing, chance of losing, how safe, safe deal, on shaky, going south, go south, sideways, deal killer, concerned about, sick, exposed, exposure, keep you up
next action, next step, next steps, next move, best move, what now, what should i do, what should we do, what can i do, what to do, what do i do, what do we do, should we do, what would you do, advise, advice, what do you recommend, recommendation for deal, any idea, ideas on, ideas for, stuck, unstick, unblock, move forward, move along, moving again, proceed, next best, get it going, get it moving, way forward, how to progress, progress deal, how do i progress, how do i move, how do i revive, revive, rescue, save deal, where do i go from here, keep momentum, accelerate, speed up, best course, course of action, action to take, play next, how to win, coach me
hygiene, stale, overdue, outdated, neglected, untouched, not touched, nobody touched, nobody has touched, quiet, dormant, inactive, inactivity, silent, silence, sitting there, sitting idle, gone cold, went cold, gone dark, went dark, no activity, no contact in, no update, not updated, wrong stage, right stage, in correct stage, past close date, past due, close date passed, close date has passed, closing date passed, close dates in past, close date in past, no next step, missing next step, without next step, out of date, expired, housekeeping, rotting, rot, dusty, zombie, dead deal, ghost, unrealistic close date, skipped stage, stage requirement, exit criteria, tidy pipeline, clean pipeline, clean up pipeline, pipeline clean, pipeline hygiene, fallen through cracks
mutual action plan, mutual plan, joint plan, joint action, close plan, closing plan, success plan, plan to signature, to signature, get signed, signed by, work backwards, working backwards, work back, back plan, who does what, milestone, joint timeline, go-live, plan to close, shared plan, shared timeline, plan with buyer, plan with customer, up to signature, action plan, path to close, route to close, roadmap to close, steps to close, steps to get, timeline to close, countdown to, map out steps, evaluation plan
meeting, appointment, visit, prep, prepped, get me ready, get ready for, set me up for, ready for, prepare for, agenda, talking point, before call, before meeting, before i meet, upcoming call, next call, tomorrow's call, call tomorrow, sitting down with, i'm seeing, i'm meeting, i am seeing, i am meeting, seeing tomorrow, demo tomorrow, questions to ask, what to ask, should i ask, what should i ask, discovery question, discovery call, what to expect, qbr, bring up with, discuss with, raise with, walk into, my call with, my meeting with, am with
discount, rebate, markdown, quote, percent off, off list, off price, price cut, price reduction, price check, margin, concession, knock off, shave off, within policy, in policy, our rules, policy allow, special price, special term, price break, approval level, cheaper, reduction, extra percent, lower price, drop price, go down to, deal desk, give them off, how low can, how far can, price approval, sign-off on price, pricing proposal, offer review
find, list, look up, pull up, search, how many, show, look for, count, which ones, filter, record with
pipeline, funnel, conversion, convert, velocity, sales cycle, cycle length, by stage, per stage, each stage, between stage, stage conversion, pipeline coverage, coverage ratio, aging, ageing, stage by stage, deal flow, drop off, drop-off, bottleneck, leak, leaking, pipe, pipe look, how healthy is pipeline, average deal size, how fast, how long do deals, time to close, days to close, pipe coverage, pipe gen
forecast, predict, prediction, project, projection, outlook, bookings, turnover, revenue, expected, expected revenue, make number, make target, hit number, hit target this, hit our number, hit quota this, land, landing, best case, worst case, how much will we, how much are we, will we book, will we close, going to close, end up, on track, on course, on target, coming in at, close out quarter, finish quarter, finish year, book in, commit number, commit, upside, this quarter's number, quarter look, month look, year look, call number, run rate, expect to close, expect to book, guidance, likely to close, sales next, sales this, bring in
win loss, win-loss, win/loss, why we lose, why did we lose, why do we lose, why are we losing, why we win, why did we win, why do we win, why are we winning, why deals, loss reason, win reason, reason we win, reason we lose, reason for losing, reason for winning, lose deal to, lost deal, deals we lost, deals we lose, deals we win, won and lost, wins and losses, we keep losing, losing to, lose against, post-mortem, postmortem, win pattern, killing deals, kills deals, costing us deals, lose us deals, what went wrong, what went right, common to lost, common to won, lessons from, learn from lost, learn from losses, what do winning, what do losing
persona, archetype, who buys, typical buyer, typical champion, typical customer contact, kind of people, type of person, type of people, sort of people, buyer type, buyer profile, job title, what title, which title, titles of, who usually, usually buys, typically buys, people who buy, who tends to, which role, which roles, common role, department buys, buyers look like, buyers have in common
performance, perform, performer, outperform, underperform, underperformer, leaderboard, scoreboard, league table, win rate, close rate, compare rep, compare seller, compare team, top seller, best seller, best rep, better rep, star rep, worst rep, noise, luck, lucky, fluke, skill or luck, by rep, per rep, sellers by, reps by, weakest rep, strongest rep, winning rate, better than, worse than, closing rate, hit rate, strike rate, rep ranking, who is best, who is ahead, who is behind, who is winning, crushing it, killing it, lagging, struggling, falling behind, actually good, really good, my sellers, my team doing, team doing, team comparison, how is doing, coach rep, coaching need, each of reps, scorecard, individual number
campaign, reply rate, response rate, open rate, meeting rate, a/b, ab, subject line, variant, more replies, most replies, best reply, got replies, get replies, emails perform, email perform, emails doing, mailing, mailshot, mail shot, newsletter, outreach result, outreach doing, outreach work, outreach perform, sequence perform, which email, which email works, which message works, which version, meetings booked, meetings from, meetings came, response we got, responses did we, click, engagement rate, people answered, resonat, what works in outreach
explain, why did, why was, why is, reason for, how come, rationale, reasoning, what made, justify, justification, what led to, behind the, how did you, how was this, where does this come from, on what basis, what drove, account for result, understand result, get that score, come up with
replay, rerun, re-run, re-execute, redo run, run again, run once more, do run again, repeat, repeat run, reproduce, reproducible, same data, same result, same again, same answer, once more, over again, still get same, deterministic
audit trail, audit log, audit report, evidence bundle, paper trail, full trail, trail of, complete trail, export audit, full history of run, history of run, for legal, for auditor, auditor, for regulator, compliance document, record of run, document of everything, for compliance, who approved what, what was approved, proof of what, traceability, activity log of run, everything that happened
simulate, simulation, what if, what happens if, what would happen if, happen if, if we moved, if i moved, if we move, if we gave, model, impact, reassign, realign, hand over, give to, shift, move account, effect of, effect of moving, knock-on, transfer, consequences of, consequence, swap, scenario, dry run, try out moving, what would it do, what would change, before and after, test moving, implications of
capacity, overloaded, overworked, overstretched, workload, load, idle, stretched, swamped, bandwidth, uncovered, covered, cover, coverage, too much on plate, too much to do, full plate, enough people, enough rep, enough seller, has room, room for more, spare capacity, spare time, underused, under-used, underutilized, utilization, burned out, burnt out, burning out, too many account, headroom, snowed under, drowning, overbooked, not enough account, too few account, who has time, who could take more, nobody covers, nobody is covering, maxed out, at limit, hours per, accounts per rep, book size, busy
balance, rebalance, even, fair, fairer, equal, equalize, equitable, fairly, evenly, equally, split, even out, level out, redistribute, distribute, carve up, carve, divide, spread evenly, share out, lopsided, uneven, unfair, imbalance, unbalanced, equal patches, redraw, re-cut, fix territories
white space, whitespace, cross-sell, cross-selling, cross sell, upsell, up-sell, upselling, buy more, sell more, sell into, sell on top, never bought, not bought, untapped, unsold, unpenetrated, under-penetrated, expansion, expand in, grow in, grow account, growth in existing, could also buy, could also use, don't have yet, not buying, yet to buy, haven't bought, have not bought, don't own, only bought, only own, additional sales, additional revenue from existing, hasn't bought, missing product, money on table, segments untouched, segments not, not touched segment, unserved, no owner, install base, installed base, existing customers
quota, headcount, hire, recruit, ramp, attainment, staffing, staff up, how many people, how many rep, how many seller, how many hire, how many more, sales target, realistic target, target realistic, realistic, achievable, doable, reach target, meet target, need to hit, hit revenue, get to revenue, heads do we need, people do we need, reps do we need, enough to hit, team big enough, can we hit, can we reach, could we reach, what would it take, grow team, plan capacity, capacity plan, ramp time
route, router, routing, owner, assign lead, assign to, should take, who should take, who takes, who gets, who should get, who should handle, who handles, who should own, right rep, right owner, inbound, new lead, new enquiry, new inquiry, lead came, lead from, lead routing, who owns, whose lead, whose patch, whose is it, whose account, goes to which, goes to whom, belongs to which, pass it to, best placed, give lead, give this lead, responsible for lead, allocate
apply, commit plan, write territory, put into effect, put plan into, roll out, go ahead with, implement plan, execute plan, make plan live
territory, patch, turf, region
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
            if len(said) == 1 and " " not in entry:
                words.setdefault(said[0], concept)
            elif len(said) > 1:
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
def spellings() -> frozenset[str]:
    """Every single word that stands in the thesaurus, as it is written."""
    return frozenset(token.low for token in tokens(_CONCEPTS))


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
