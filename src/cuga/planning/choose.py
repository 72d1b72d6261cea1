"""Which tools answer which clauses of a goal: for each clause that asks, the best by its contract.

A tool with an effect outside is chosen only where a clause outright orders its verb. What no tool can do is kept apart
and named; nothing similar takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cuga.model.tool import SideEffect, ToolContract
from cuga.planning.asking import CONSEQUENTIAL_STEMS, MODIFYING, SOFT, VERB_STEMS, is_greeting, opens_with, telling
from cuga.planning.clauses import Clause, Reading
from cuga.planning.evidence import ENOUGH, Choice, Chosen, usable_tools
from cuga.planning.kinds import KINDS, base_kind, slot_kinds
from cuga.planning.lexicon import GENERIC, PLURAL_PRONOUNS, STOP, WRITING
from cuga.planning.memory import favoured
from cuga.planning.moods import Mood, mood
from cuga.planning.ranking import Index, Match
from cuga.planning.schema import accepts, arguments_of
from cuga.planning.words import Token, stem

LISTED = 1.1  # score from which a mere name in a list asks for a tool of its own
FOLLOWING = 0.8  # score from which a further request asks for a tool of its own
NEARBY = 0.6  # what the words beside a clause count that says too little alone
_WRITING = frozenset(stem(word) for word in WRITING)


def choose(
    reading: Reading, index: Index, withheld: dict[str, str], favour: Mapping[str, float] | None = None
) -> Chosen:
    """Choose tools for all clauses. `withheld` are tools that may not be used and why (profile, denial, the goal).

    `favour` is a hint from memory (`memory.favours`); it only orders what the words have found.
    """
    withheld = dict(withheld)
    for clause in reading.clauses:
        if clause.negated:
            withheld.update(_forbidden_by(clause, index))
    found = _chosen(reading, index, dict(withheld), favour or {}, telling_too=False)
    if not found.choices and not found.asked:
        found = _chosen(reading, index, dict(withheld), favour or {}, telling_too=True)
    for choice in found.choices:
        _share(choice, reading.clauses)
    found.choices = _folded(found.choices)
    return found


def _chosen(
    reading: Reading, index: Index, withheld: dict[str, str], favour: Mapping[str, float], telling_too: bool
) -> Chosen:
    """One tool for each clause that asks; all others say more about the choice they stand beside."""
    found = Chosen([], [], withheld, {})
    waiting: list[Clause] = []
    told: Clause | None = None
    for clause in _ordered(reading.clauses):
        if clause.negated:
            continue
        known = len(found.choices)
        kind = mood(clause.words)
        if kind is Mood.NAMES and told is not None and told.sentence == clause.sentence and clause.lead in ("and", ","):
            kind = Mood.TELLS  # "they liked it and asked for more"
        told = clause if kind is Mood.TELLS else None
        adds = known and (
            _only_adds(clause, found.choices[-1].clause)
            or _says_when_or_how(clause)
            or _names_choices(clause, found.choices[-1])
        )
        if not adds and (telling_too or kind is not Mood.TELLS):
            _choose_for(clause, index, found, reading, favour)
        if len(found.choices) > known:
            found.choices[known].more += waiting
            waiting = []
        elif clause not in found.beyond:
            if found.choices and not waiting:
                found.choices[-1].more.append(clause)
            else:
                waiting.append(clause)
    if waiting and found.choices:
        found.choices[-1].more += waiting
    return found


def _only_adds(clause: Clause, before: Clause) -> bool:
    """Whether a clause says how the one before is meant, and asks for nothing: "..., moving no more than 8"."""
    if not clause.words or clause.sentence != before.sentence or clause.lead not in (",", "without"):
        return False
    counts = any(mention.kind in ("number", "count", "percent") for mention in clause.mentions)
    return clause.words[0].low.endswith("ing") and clause.words[0].stem in VERB_STEMS and counts


def _names_choices(clause: Clause, before: Choice) -> bool:
    """Whether all that a clause says is which of a tool's choices are meant, where it takes several: "a cadence from
    monday, email and LinkedIn"."""
    contract = before.contract
    several = [slot for slot in contract.slots if accepts(arguments_of(contract).schema_of(slot.name), "array")]
    choices = {stem(one.casefold()) for slot in several for one in slot.choices}
    said = {word.stem for word in clause.words if word.low not in STOP}
    return bool(said) and said <= choices and not clause.mentions and clause.sentence == before.clause.sentence


def _says_when_or_how(clause: Clause) -> bool:
    """Whether a clause beside another is no request of its own: "focus on price", "before quarter end", "15 names"."""
    if opens_with(clause) in MODIFYING:
        return True
    counts = bool(clause.mentions) and clause.mentions[0].kind == "number" and bool(clause.words)
    counts = counts and clause.mentions[0].value != "1" and clause.mentions[0].start < clause.words[0].start
    return mood(clause.words) is Mood.NAMES and (clause.lead in ("before", "after") or counts)


def _share(choice: Choice, clauses: tuple[Clause, ...]) -> None:
    """A bare verb speaks of what the next clause names: "draft and send an email to her"."""
    after = next((c for c in clauses if c.at == choice.clause.at + 1), None)
    bare = not choice.clause.mentions and len(choice.clause.words) == 1 and not choice.more
    if bare and after is not None and after.lead in ("and", "&") and after.sentence == choice.clause.sentence:
        choice.more.append(after)


def _choose_for(clause: Clause, index: Index, found: Chosen, reading: Reading, favour: Mapping[str, float]) -> None:
    said, scale = telling(clause)
    if any(index.is_own(word) and word not in SOFT and word not in KINDS and word not in STOP for word in said):
        scale = {word: 0.6 * share if word in SOFT else share for word, share in scale.items()}
    opening = opens_with(clause)
    made = {kind for choice in found.choices for kind in choice.contract.gives}
    asks = mood(clause.words) is Mood.ASKS
    enough = ENOUGH if not found.choices else FOLLOWING if asks else LISTED
    if is_greeting(clause):
        return
    usable = favoured(
        usable_tools(_ranked(clause.words, index, said, scale), clause, index, found, opening, made, reading),
        favour,
        enough,
    )
    if asks and not (usable and usable[0].score >= enough) and opening not in CONSEQUENTIAL_STEMS:
        words, scale = _with_what_is_told(clause, scale, reading)
        said = [word.stem for word in words]
        usable = usable_tools(_ranked(words, index, said, scale), clause, index, found, opening, made, reading)
    if not asks and found.choices and not _is_list(clause, found.choices[-1].clause):
        usable = []
        if _wants_another(clause, found.choices[-1]):
            last = found.choices[-1]
            found.choices.append(Choice(last.contract, clause, last.score, last.words, last.runner_up))
            return
    if not asks and found.choices:
        usable = [m for m in usable if _goes_with(index.contracts[m.tool], reading) and _is_named(m, clause, index)]
    if found.choices and _looks_back(clause):
        usable = [m for m in usable if slot_kinds(index.contracts[m.tool]) & {base_kind(kind) for kind in made}]
    if usable and usable[0].score >= enough:
        best = usable[0]
        runner = next((match for match in usable[1:] if match.score >= 0.35 * best.score), None)
        told = tuple(sorted(best.words, key=lambda word: -best.words[word]))[:4]
        found.choices.append(Choice(index.contracts[best.tool], clause, best.score, told, runner))
    elif opening in CONSEQUENTIAL_STEMS:
        found.beyond.append(clause)


def _is_list(clause: Clause, before: Clause) -> bool:
    """Whether a mere name goes on with a list of things to do ("give me signals, committee and a brief"), and does not
    say more about one deed ("create a cadence by phone and email")."""
    return clause.lead in ("colon", ":", "(", "then", "and then") or opens_with(before) in ("", *SOFT)


def _is_named(match: Match, clause: Clause, index: Index) -> bool:
    """Whether words of the tool itself stand in a clause, not only their like."""
    said = [word.stem for word in clause.words]
    return bool(index.verbs(match.tool, said) & set(said))


def _looks_back(clause: Clause) -> bool:
    """Whether all that a clause speaks of is what came before: "and compare the outcome"."""
    things = [word for word in clause.words[1:] if word.low not in STOP]
    return bool(things) and not clause.mentions and all(word.low in GENERIC for word in things)


def _goes_with(contract: ToolContract, reading: Reading) -> bool:
    """Whether a mere name in a list can ask for a tool: not when the goal is about records it cannot take."""
    about = {m.kind for m in reading.mentions if m.kind in ("account", "opportunity", "contact")}
    return not about or bool(slot_kinds(contract) & {"account", "opportunity", "contact", "message", "lead"})


def _ranked(words: Sequence[Token], index: Index, said: list[str], scale: dict[str, float]) -> list[Match]:
    return index.rank(said, scale, index.sense_of(words, scale))


def _with_what_is_told(
    clause: Clause, scale: dict[str, float], reading: Reading
) -> tuple[list[Token], dict[str, float]]:
    """A clause's words with those of the statements right beside it, which count less: "... Who should take it?"."""
    beside = [
        other
        for other in reading.clauses
        if abs(other.at - clause.at) == 1 and not other.negated and mood(other.words) is not Mood.ASKS
    ]
    words, scale = list(clause.words), dict(scale)
    for other in beside:
        _, shares = telling(other)
        words += other.words
        scale = {**{word: NEARBY * share for word, share in shares.items()}, **scale}
    return words, scale


def _forbidden_by(clause: Clause, index: Index) -> dict[str, str]:
    """The tools that a negated clause rules out: those whose verb it names, and all effects for "don't change"."""
    said = {word.stem for word in clause.words}
    reason = f'the goal says "{clause.text}"'
    found = {}
    for name, contract in index.contracts.items():
        named = said & index.strong[name] & VERB_STEMS
        if contract.side_effect is SideEffect.READ_ONLY:
            named -= _WRITING  # "don't change anything" is said of effects
        if named or (said & _WRITING and contract.side_effect is SideEffect.EXECUTE):
            found[name] = reason
    rest = [word.stem for word in clause.words if word.stem not in ("skip", "omit", "leav")]
    for match in index.rank(rest)[:1]:
        if match.score >= 1.2:
            found[match.tool] = reason
    return found


def _ordered(clauses: tuple[Clause, ...]) -> list[Clause]:
    """Clauses in the order they are to happen: "after X" and "X first" go before, "before X" goes after."""
    placed: list[Clause] = []
    for clause in clauses:
        first = [word.low for word in clause.words]
        says_first = bool(first) and (first[-1] == "first" or (first[0] == "first" and clause.lead != "colon"))
        earlier = [other for other in placed if other.sentence == clause.sentence]
        goes_before = clause.lead == "after" or (says_first and clause.lead in ("but", "-", "–", "—", ","))
        if goes_before and earlier:
            placed.insert(placed.index(earlier[-1]), clause)
            continue
        if len(placed) == 1 and placed[-1].lead == "before" and earlier:
            placed.insert(len(placed) - 1, clause)
            continue
        placed.append(clause)
    return placed


def _folded(choices: list[Choice]) -> list[Choice]:
    """One choice per tool, unless a later clause names another record for it."""
    kept: list[Choice] = []
    for choice in choices:
        same = next((k for k in reversed(kept) if k.contract.name == choice.contract.name), None)
        named = _aim(choice.clause)
        told = {aim for c in same.clauses for aim in _aim(c)} if same else set()
        plural = any(word.low in PLURAL_PRONOUNS for word in choice.clause.words)
        if same is None or (named and not named <= told and not plural) or _otherwise_made(choice, same):
            kept.append(choice)
        else:
            same.more += [choice.clause, *choice.more]
            same.more = [c for c in dict.fromkeys(same.more) if c is not same.clause]
            same.score = max(same.score, choice.score)
    return kept


def _wants_another(clause: Clause, last: Choice) -> bool:
    """Whether a mere name wants the deed before once more: "an email to the CEO and one to the CFO"."""
    if last.contract.side_effect is SideEffect.READ_ONLY:
        return False
    roles = {m.value for m in clause.mentions if m.kind == "role"}
    same = {m.value for c in last.clauses for m in c.mentions if m.kind == "role"}
    here, there = _ways(last.contract, clause), _ways(last.contract, last.clause)
    return bool(roles and same and roles - same) or bool(here and there and here != there)


def _aim(clause: Clause) -> set[str]:
    """Whom or what a clause names for its deed."""
    return {m.value for m in clause.mentions if m.kind in ("account", "opportunity", "contact", "address", "role")}


def _otherwise_made(choice: Choice, same: Choice) -> bool:
    """Whether two clauses want one tool's work in two ways: "a LinkedIn note and an email"."""
    here, there = _ways(choice.contract, choice.clause), _ways(same.contract, same.clause)
    return bool(here and there) and here != there


def _ways(contract: ToolContract, clause: Clause) -> set[str]:
    choices = {stem(one.casefold()) for slot in contract.slots for one in slot.choices}
    said = {word.stem for word in clause.words} | {stem(m.value.casefold()) for m in clause.mentions}
    return choices & said
