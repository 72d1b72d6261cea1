"""Which tools answer which clauses of a goal: the best by its contract, a second only for words the first leaves over.

A tool with an effect outside is chosen only where a clause outright orders its verb. What no tool can do is kept apart
and named; nothing similar takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping

from cuga.model.tool import SideEffect
from cuga.planning.clauses import Clause, Reading
from cuga.planning.evidence import (
    CONSEQUENTIAL_STEMS,
    ENOUGH,
    SOFT,
    VERB_STEMS,
    Choice,
    Chosen,
    opens_with,
    telling,
    usable_tools,
)
from cuga.planning.kinds import KINDS, slot_kinds
from cuga.planning.lexicon import PLURAL_PRONOUNS, STOP, WRITING
from cuga.planning.memory import favoured
from cuga.planning.ranking import Index
from cuga.planning.words import stem

ENOUGH_MORE = 0.8  # score of a second tool by the words the first leaves over
MOST_PER_CLAUSE = 3
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
    found = Chosen([], [], withheld, {})
    waiting: list[Clause] = []
    for clause in _ordered(reading.clauses):
        if clause.negated:
            continue
        if found.choices and _only_adds(clause, found.choices[-1].clause):
            found.choices[-1].more.append(clause)
            continue
        known = len(found.choices)
        _choose_for(clause, index, found, reading, favour or {})
        if len(found.choices) > known:
            found.choices[known].more += waiting
            waiting = []
        elif clause not in found.beyond:
            if found.choices and (not waiting):
                found.choices[-1].more.append(clause)
            else:
                waiting.append(clause)
    if waiting and found.choices:
        found.choices[-1].more += waiting
    for choice in found.choices:
        _share(choice, reading.clauses)
    found.choices = _folded(found.choices)
    return found


def _only_adds(clause: Clause, before: Clause) -> bool:
    """Whether a clause says how the one before is meant, and asks for nothing: "..., moving no more than 8"."""
    if not clause.words or clause.sentence != before.sentence or clause.lead != ",":
        return False
    counts = any(mention.kind in ("number", "count", "percent") for mention in clause.mentions)
    return clause.words[0].low.endswith("ing") and clause.words[0].stem in VERB_STEMS and counts


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
    for round_ in range(MOST_PER_CLAUSE):
        enough = ENOUGH if round_ == 0 else ENOUGH_MORE
        ranked = index.rank(said, scale)
        usable = usable_tools(ranked, clause, index, found, opening if round_ == 0 else "", made, reading)
        usable = favoured(usable, favour, enough)
        if not usable or usable[0].score < enough:
            break
        best = usable[0]
        if round_ and any(choice.contract.name == best.tool and choice.clause is clause for choice in found.choices):
            break
        runner = next((match for match in usable[1:] if match.score >= 0.35 * best.score), None)
        told = tuple(sorted(best.words, key=lambda word: -best.words[word]))[:4]
        found.choices.append(Choice(index.contracts[best.tool], clause, best.score, told, runner))
        taken = slot_kinds(index.contracts[best.tool])
        said = [word for word in said if word not in best.words and KINDS.get(word) not in taken]
        scale = {word: 0.0 if s < 1 or word in SOFT else s for word, s in scale.items()}
    else:
        return
    if opening in CONSEQUENTIAL_STEMS and not any(choice.clause is clause for choice in found.choices):
        found.beyond.append(clause)


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
        named = {m.value for m in choice.clause.mentions if m.kind in ("account", "opportunity", "contact")}
        told = {m.value for c in same.clauses for m in c.mentions} if same else set()
        plural = any(word.low in PLURAL_PRONOUNS for word in choice.clause.words)
        if same is None or (named and not named <= told and not plural):
            kept.append(choice)
        else:
            same.more += [choice.clause, *choice.more]
            same.more = [c for c in dict.fromkeys(same.more) if c is not same.clause]
            same.score = max(same.score, choice.score)
    return kept
