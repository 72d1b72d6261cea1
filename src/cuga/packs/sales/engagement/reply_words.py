"""The phrases by which a reply is told apart, in English and the plainest of German and French.

A phrase is a hint that is shown with its quote, no understanding: what fits none is called unclear.
"""

# ruff: noqa: E501 (phrases read best side by side)
from __future__ import annotations

import re
from typing import Literal

Kind = Literal[
    "interest", "not_now", "objection", "referral", "wrong_person", "out_of_office", "unsubscribe", "bounce", "unclear"
]  # fmt: skip
ORDER: tuple[Kind, ...] = (  # the first that is found decides; an opt-out wins over everything
    "unsubscribe", "bounce", "out_of_office", "wrong_person", "referral", "not_now", "objection", "interest",
)  # fmt: skip
_PATTERNS: dict[Kind, tuple[str, ...]] = {
    "unsubscribe": (
        r"unsubscribe", r"opt(?:[ -]?out|ing out)", r"(?:take|remove) (?:me|us|my (?:address|e-?mail)) (?:off|from|out)",
        r"(?:stop|quit) (?:e-?mailing|mailing|writing(?: to)?|contacting|messaging|sending)(?: me| us)?", r"\Astop\W*\Z",
        r"(?:do not|don't|please don't|never) (?:contact|e-?mail|write(?: to)?|message|mail) (?:me|us)\b",
        r"no (?:more|further) (?:e-?mails?|messages?|mails?)", r"leave me alone", r"not hear from you again",
        r"(?:delete|erase) my (?:data|details|address)", r"do not send me",
        r"abmelden", r"abbestellen", r"keine (?:weiteren )?(?:e-?mails?|nachrichten|werbung)(?: mehr)?",
        r"(?:löschen sie|bitte löschen) .{0,40}(?:daten|adresse)", r"widerspreche .{0,60}(?:werbung|verarbeitung|nutzung)",
        r"désabonner", r"désinscri\w+", r"ne (?:m'écrivez|me contactez) plus",
    ),
    "bounce": (
        r"undeliver(?:able|ed)", r"delivery (?:status notification|has failed|failed)", r"returned mail",
        r"(?:mailbox|address|recipient|user)(?: is)? (?:not found|unknown|unavailable|does not exist)",
        r"\b55[0-4][ -]5\.\d\.\d", r"mail delivery (?:failed|subsystem)", r"unzustellbar",
    ),
    "out_of_office": (
        r"out of (?:the )?office", r"(?:on|annual|parental|sick) leave\b", r"on (?:vacation|holiday)", r"auto(?:matic)?[ -]?reply",
        r"away from (?:my desk|the office)", r"limited access to (?:my )?e-?mail", r"abwesend", r"nicht im (?:büro|hause)",
        r"im urlaub", r"absent(?:e)? du bureau", r"en congés?",
    ),
    "wrong_person": (
        r"wrong person", r"not the right (?:person|contact)", r"(?:don't|do not|no longer) (?:work|handle|deal)\b",
        r"not (?:responsible|in charge)", r"not my (?:area|department|responsibility)", r"(?:has )?left the company",
        r"nicht zuständig", r"falsche(?:r)? ansprechpartner(?:in)?",
    ),
    "referral": (
        r"(?:please |you should |best to |better )?(?:contact|reach out to|speak (?:to|with)|talk to|write to|ask|try) "
        r"(?:my (?:colleague|boss|manager) |our |mr\.? |ms\.? |mrs\.? )?(?-i:[A-ZÄÖÜ][\w'’-]+)",
        r"(?:forward(?:ed|ing)|pass(?:ed|ing)) (?:this|it|your (?:mail|e-?mail|message))? ?(?:on )?to", r"(?:copying|cc'?ing|looping) in",
        r"wenden sie sich (?:bitte )?an", r"zuständig ist",
    ),
    "not_now": (
        r"not (?:right )?now", r"not at (?:this|the) (?:time|moment)", r"(?:bad|wrong|not a good) (?:time|timing)",
        r"(?:get|come|circle|check) back (?:to (?:me|us) )?(?:in|after|next|around|at)\b", r"(?:try|contact|ping|write) (?:me|us)? ?again",
        r"next (?:quarter|year|month|spring|summer|autumn|fall|winter)", r"later (?:this|in the) year", r"after (?:the )?(?:holidays|summer|budget)",
        r"(?:too|very|quite) busy", r"derzeit nicht", r"momentan nicht", r"im moment nicht", r"nächstes (?:jahr|quartal)", r"pas pour le moment",
    ),
    "objection": (
        r"too (?:expensive|costly|complex)", r"no budget", r"(?:don't|do not) have (?:the |a )?budget", r"not interested",
        r"no (?:need|interest)", r"(?:already|happy with|satisfied with) (?:have|use|using|our|what|the)", r"(?:we|i) (?:already )?(?:use|have) (?:a|another|our own)\b",
        r"(?:what|how) (?:about|is) (?:security|privacy|gdpr)", r"(?:don't|do not) see (?:the|any) (?:value|need|benefit)",
        r"no,? thank(?:s| you)", r"kein(?:en)? (?:interesse|bedarf|budget)", r"zu teuer", r"pas intéressée?",
    ),
    "interest": (
        r"(?<!not )(?<!no longer )\binterested\b", r"(?:sounds|looks) (?:good|great|interesting|promising)", r"tell me more", r"(?:send|share) (?:me|us) (?:more|the|some|your)",
        r"(?:let's|let us|happy to|glad to|can we|could we|shall we) (?:talk|meet|chat|speak|set up|schedule|have a call)", r"(?:book|schedule|set up) (?:a |the )?(?:call|meeting|demo|time)",
        r"(?:what|how much) (?:does|would|is) (?:it|this|the price|that)? ?cost", r"(?:tuesday|monday|wednesday|thursday|friday|tomorrow|next week) (?:works|suits|is fine|would work)",
        r"\byes,? (?:please|sure|a call|let|that|i|we)", r"klingt (?:gut|interessant)", r"(?:gerne|bitte) .{0,30}(?:termin|mehr|unterlagen|info)", r"intéressée?s?\b(?<!pas intéressé)",
    ),
}  # fmt: skip
PATTERNS = {
    kind: re.compile("|".join(f"(?<!\\w)(?:{said})" for said in said_so), re.I | re.M)
    for kind, said_so in _PATTERNS.items()
}
MONTHS = {
    name: number
    for number, names in enumerate(
        ("january jan januar janvier", "february feb februar février", "march mar märz mars", "april apr avril",
         "may mai", "june jun juni juin", "july jul juli juillet", "august aug août", "september sep sept septembre",
         "october oct oktober octobre", "november nov novembre", "december dec dezember décembre"), start=1)
    for name in names.split()
}  # fmt: skip
WEEKDAYS = {
    name: number
    for number, names in enumerate(
        ("monday montag lundi", "tuesday dienstag mardi", "wednesday mittwoch mercredi", "thursday donnerstag jeudi",
         "friday freitag vendredi", "saturday samstag samedi", "sunday sonntag dimanche"))
    for name in names.split()
}  # fmt: skip
