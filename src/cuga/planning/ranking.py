"""Which tools a piece of a goal speaks of, by what their contracts say.

Every word is weighed by how few tools share it, and by where the contract has it: a keyword or the name counts most,
the purpose least, whole phrases more than their words. What a person says in other words than any contract
speaks through its sense (`senses`). Every score names the words behind it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cuga.model.tool import ToolContract
from cuga.planning.kinds import KINDS, base_kind, slot_kinds
from cuga.planning.lexicon import DETERMINERS, ENTITY_KINDS, GREETING, NOUNS, NUMBERS, STOP, VERBS
from cuga.planning.senses import Sense, senses, spellings
from cuga.planning.spelling import Speller
from cuga.planning.words import Token, stem, tokens

KEYWORD, NAME, PART, PURPOSE = 1.0, 0.9, 0.45, 0.3
PHRASE = 0.8  # on top of its words
LONGEST = 6  # words of the longest phrase that is looked for
SENSE = 1.8  # what the sense of a whole piece counts when it is sure
KIND, KIND_ALONE = 0.15, 0.25  # a kind of thing that a tool takes, and what it says more when no other takes it
UNHEARD = 0.7  # what is taken from a sense when none of the telling words is known
OWN_NAME = 2  # times that a name is counted for what a tool is about, beside its keywords and purpose


_PLAIN = frozenset(stem(word) for word in STOP | VERBS | GREETING | NUMBERS.keys())


class Match(NamedTuple):
    """How well a tool fits, and the stems that say so with their share of the score."""

    tool: str
    score: float
    words: dict[str, float]


class Index:
    """The words of a set of contracts. Built once per rulebook; asking costs microseconds."""

    def __init__(self, contracts: Iterable[ToolContract]) -> None:
        self.contracts: dict[str, ToolContract] = {c.name: c for c in sorted(contracts, key=lambda c: c.name)}
        self._weights: dict[str, dict[str, float]] = {}  # stem -> tool -> weight
        self._phrases: dict[tuple[str, ...], set[str]] = {}
        self._concepts: dict[str, dict[str, float]] = {}  # concept -> tool -> how surely it is about that
        self.strong: dict[str, set[str]] = {}  # tool -> stems of its name and keywords
        self._written: set[str] = set()  # the words of names and keywords, as written
        self._own: set[str] = set()  # stems of one-word keywords and of choices
        for contract in self.contracts.values():
            self._read(contract)
        #: kinds that only come out of tools: nobody writes them into a goal
        self.passed_on = {base_kind(kind) for c in self.contracts.values() for kind in c.gives} - ENTITY_KINDS
        self.passed_on |= {"message", "notes", "run"}
        count = max(1, len(self.contracts))
        top = math.log(1 + (count - 0.5) / 1.5)
        self._rarity = {
            word: math.log(1 + (count - len(tools) + 0.5) / (len(tools) + 0.5)) / top
            for word, tools in self._weights.items()
        }
        self._means: dict[str, set[str]] = {}
        for concept, tools in self._concepts.items():
            for tool in (tool for tool, sure in tools.items() if sure >= 0.5):
                self._means.setdefault(tool, set()).add(concept)
        self._kind_rarity = self._rarities_of_kinds(count, top)
        self.speller = Speller({*spellings(), *VERBS, *NOUNS, *self._written})
        self._phrase_rarity = {phrase: 1 / len(tools) for phrase, tools in self._phrases.items()}

    def _read(self, contract: ToolContract) -> None:
        strong = self.strong.setdefault(contract.name, set())
        takes = slot_kinds(contract)
        made = {base_kind(kind) for kind, path in contract.gives.items() if not path}
        made |= {base_kind(choice) for slot in contract.slots for choice in slot.choices}
        named = contract.name.replace("_", " ").replace(".", " ")
        for word in stems(named):
            self._add(word, contract.name, NAME if word not in KINDS else PART)
            strong.add(word)
        self._find_sense(contract, named)
        self._written.update(token.low for said in (named, *contract.keywords) for token in tokens(said))
        for keyword in contract.keywords:
            phrase = tuple(token.stem for token in tokens(keyword) if token.low not in DETERMINERS)
            if len(phrase) == 1:
                thing = KINDS.get(phrase[0])
                is_taken = (
                    thing is not None and thing in takes and thing not in made
                )  # what it is done to, not what is done
                self._add(phrase[0], contract.name, PART if is_taken else KEYWORD)
                self._own.add(phrase[0])
                strong.add(phrase[0])
            elif phrase:
                self._phrases.setdefault(phrase[:LONGEST], set()).add(contract.name)
                for word in stems(keyword):
                    self._add(word, contract.name, PART)
        for slot in contract.slots:
            self._own.update(token.stem for choice in slot.choices for token in tokens(choice.replace("_", " ")))
        for word in stems(contract.purpose):
            self._add(word, contract.name, PURPOSE)

    def _find_sense(self, contract: ToolContract, named: str) -> None:
        """What a tool is about, as far as its words are known: one of another trade is about nothing here."""
        own = [token for said in (*[named] * OWN_NAME, *contract.keywords) for token in tokens(said)]
        telling = [token for token in own if token.low not in STOP]
        known = sum(senses().knows(token.stem) for token in telling) / max(1, len(telling))
        text = [*own, *tokens(contract.purpose)]
        for concept, sure in senses().of(text, heat=math.sqrt(max(1, len(text)))).sure.items():
            self._concepts.setdefault(concept, {})[contract.name] = sure * known

    def _add(self, word: str, tool: str, weight: float) -> None:
        tools = self._weights.setdefault(word, {})
        tools[tool] = max(weight, tools.get(tool, 0.0))

    def _rarities_of_kinds(self, count: int, top: float) -> dict[str, float]:
        """1.0 for a kind of thing that one tool takes, towards 0 for one that all take."""
        takers: dict[str, int] = {}
        for contract in self.contracts.values():
            for kind in slot_kinds(contract):
                takers[kind] = takers.get(kind, 0) + 1
        return {kind: max(0.0, math.log(1 + (count - n + 0.5) / (n + 0.5)) / top) for kind, n in takers.items()}

    def telling_kinds(self, tool: str, kinds: set[str]) -> float:
        """How much it says for a tool that these kinds of things are spoken of: a percentage more than an account."""
        shares = sorted((self._kind_rarity[kind] for kind in kinds & slot_kinds(self.contracts[tool])), reverse=True)
        return sum(KIND + KIND_ALONE * share for share in shares[:2])

    def knows(self, stem: str) -> bool:
        """Whether any contract has the word."""
        return stem in self._weights

    def is_plain(self, stem: str) -> bool:
        """Whether a word is one of the language's or the tools', as far as either is known here."""
        return self.knows(stem) or stem in _PLAIN or senses().knows(stem) or stem in KINDS

    def means(self, tool: str) -> set[str]:
        """The concepts that a tool is surely about."""
        return self._means.get(tool, set())

    def verbs(self, tool: str, said: Sequence[str]) -> set[str]:
        """The words that order a tool's deed: its name's, its keywords', and what opens a phrase in `said`."""
        return self.strong[tool] | {phrase[0] for phrase in self._spoken(said) if tool in self._phrases[phrase]}

    def has(self, stem: str, tool: str) -> bool:
        """Whether a tool's contract has a word."""
        return tool in self._weights.get(stem, {})

    def orders_by_name(self, verb: str, tool: str) -> float:
        """How plainly a verb orders a tool: its rarity where it is the verb of the tool's own name, or a keyword of it
        that no example of selling knows, so that nothing else can speak for it; else 0."""
        is_its_own = verb in self.strong.get(tool, ()) and verb in self._own and not senses().knows(verb)
        return self.rarity(verb) if verb and (is_its_own or stems(tool.replace("_", " "))[:1] == [verb]) else 0.0

    def is_own(self, stem: str) -> bool:
        """Whether a contract calls it its own: a one-word keyword or a choice."""
        return stem in self._own

    def rarity(self, stem: str) -> float:
        """1.0 for a word of one tool, towards 0 for a word of all; 1.0 for a word of none."""
        return self._rarity.get(stem, 1.0)

    def sense_of(self, words: Sequence[Token], weight: dict[str, float] | None = None) -> Sense:
        """What some words are about; less sure where telling words among them are unknown."""
        sense = senses().of(words, weight=weight)
        telling = [word for word in words if word.low not in STOP]
        known = sum(senses().knows(word.stem) for word in telling) / len(telling) if telling else 1.0
        sure = {concept: one * (1 - UNHEARD * (1 - known)) for concept, one in sense.sure.items()}
        return Sense(sure, sense.words)

    def rank(
        self, said: Sequence[str], weight: Mapping[str, float] | None = None, sense: Sense | None = None
    ) -> list[Match]:
        """Tools by score, best first, ties by name. `said` are stems in order, `weight` scales some of them; `sense` is
        what the whole is about."""
        scale = weight or {}
        found: dict[str, dict[str, float]] = {}
        for word in dict.fromkeys(said):
            for tool, share in self._weights.get(word, {}).items():
                if word not in STOP:
                    words = found.setdefault(tool, {})
                    words[word] = max(words.get(word, 0.0), share * self._rarity[word] * scale.get(word, 1.0))
        for phrase in self._spoken(said):
            for tool in self._phrases[phrase]:
                words = found.setdefault(tool, {})
                bonus = (PHRASE + 0.1 * len(phrase)) * (0.5 + 0.5 * self._phrase_rarity[phrase])
                bonus *= min(scale.get(word, 1.0) for word in phrase)
                for word in phrase:
                    words[word] = words.get(word, 0.0) + bonus / len(phrase)
        for concept, sure in (sense.sure if sense is not None else {}).items():
            for tool, share in self._concepts.get(concept, {}).items():
                words = found.setdefault(tool, {})
                for word, part in (sense.words if sense is not None else {}).items():
                    words[word] = words.get(word, 0.0) + SENSE * sure * share * part
        matches = [Match(tool, round(sum(words.values()), 4), words) for tool, words in found.items()]
        return sorted(matches, key=lambda match: (-match.score, match.tool))

    def _spoken(self, heard: Sequence[str]) -> set[tuple[str, ...]]:
        said = [word for word in heard if word not in DETERMINERS]
        return {
            piece
            for start in range(len(said))
            for length in range(2, LONGEST + 1)
            if (piece := tuple(said[start : start + length])) in self._phrases and len(piece) == length
        }


def stems(text: str) -> list[str]:
    """The stems of a text's telling words."""
    return [token.stem for token in tokens(text) if token.low not in STOP and token.stem not in STOP]
