"""Memory: found by words and by likeness, kept in a file, and nothing of one profile ever in another."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuga.errors import BadInput, NotFound
from cuga.modular.memory import VectorMemory
from cuga.modular.ngrams import NGrams

NOTES = (
    "Score Kestrel Tools against the ideal customer profile",
    "Draft a first email to the buyer of Velkarin Foods",
    "Qualify the open deal of Orrin Logistics with MEDDICC",
    "Simulate moving accounts between territories",
)


@pytest.fixture
def memory() -> VectorMemory:
    kept = VectorMemory("smb")
    for number, text in enumerate(NOTES):
        kept.add(text, {"number": number})
    return kept


def test_a_note_is_found_by_its_words_with_what_was_kept_beside_it(memory: VectorMemory):
    (first, *_) = memory.search("which deals to qualify")
    assert (first.text, first.metadata, first.by_words) == (NOTES[2], {"number": 2}, True)


def test_a_note_is_found_by_likeness_when_the_words_are_misspelt(memory: VectorMemory):
    (first, *_) = memory.search("qualifikation of the deel")
    assert first.text == NOTES[2]


def test_what_has_nothing_in_common_is_not_found(memory: VectorMemory):
    assert memory.search("zzz 123") == [] == memory.search("!?") == memory.search("")
    assert memory.search("Kestrel", top=0) == []


def test_words_are_words_whatever_they_mean_to_a_query_language(memory: VectorMemory):
    for odd in ('"', "AND", "NEAR(", "text:", "*", "kestrel* OR", "'; DROP TABLE note; --", "^a", "-b", "{x}:y"):
        memory.search(odd)
    assert memory.search('"Kestrel" AND (')[0].text == NOTES[0]


def test_the_same_notes_and_question_give_the_same_answer():
    def answer() -> list[object]:
        memory = VectorMemory()
        for text in NOTES:
            memory.add(text)
        return [*memory.search("email to the buyer about the deal", 10)]

    assert answer() == answer()


def test_what_is_forgotten_is_gone_from_the_answers_and_from_the_file(tmp_path: Path):
    path = tmp_path / "memory.db"
    memory = VectorMemory(path=path)
    note = memory.add("The codeword is brindlewick")
    memory.add("Another note")
    memory.forget(note)
    assert (len(memory), memory.search("brindlewick codeword")) == (1, [])
    with pytest.raises(NotFound):
        memory.forget(note)
    with pytest.raises(NotFound):
        memory.forget("no such note")
    assert memory.add("A third") == "n3", "a number is not given twice"
    memory.close()
    assert b"brindlewick" not in path.read_bytes()


def test_a_note_with_a_key_takes_the_place_of_the_one_before(memory: VectorMemory):
    memory.add("The first wording of a remark", key="remark")
    memory.add("Its second wording", key="remark")
    assert len(memory) == len(NOTES) + 1
    assert [found.text for found in memory.search("wording")] == ["Its second wording"]


def test_notes_outlive_the_process(tmp_path: Path):
    path = tmp_path / "memory.db"
    first = VectorMemory("smb", path=path)
    first.add("Score Acme", {"a": 1})
    first.close()
    again = VectorMemory("smb", path=path)
    assert [(found.text, found.metadata) for found in again.search("acme")] == [("Score Acme", {"a": 1})]


def test_vectors_of_another_embedder_are_not_compared(tmp_path: Path):
    class Lengths:
        name, size = "lengths", 2

        def embed(self, text: str) -> Sequence[float]:
            return (1.0, 0.0) if len(text) % 2 else (0.0, 1.0)

    path = tmp_path / "memory.db"
    other = VectorMemory(path=path, embedder=Lengths())
    other.add("ab")
    assert other.search("cd")[0].likeness == 1.0
    other.close()
    with pytest.raises(BadInput, match="cannot be compared"):
        VectorMemory(path=path)


def test_an_embedder_that_gives_another_length_than_it_says_is_refused():
    class Wrong:
        name, size = "wrong", 3

        def embed(self, text: str) -> Sequence[float]:
            return (1.0,)

    with pytest.raises(BadInput, match="1 numbers instead of 3"):
        VectorMemory(embedder=Wrong()).add("a")


@pytest.mark.parametrize(
    ("text", "metadata"),
    [(" ", {}), ("x" * 65_537, {}), ("a\ud800", {}), ("a", {"b": object()}), ("a", {"b": "x" * 70_000})],
)
def test_what_cannot_be_kept_is_refused(text: str, metadata: dict[str, object]):
    memory = VectorMemory()
    with pytest.raises(BadInput):
        memory.add(text, metadata)
    assert len(memory) == 0


def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    (tmp_path / "x.db").write_bytes(b"no database at all, and long enough to be seen as none" * 40)
    with pytest.raises(BadInput, match="as a memory"):
        VectorMemory(path=tmp_path / "x.db")
    with pytest.raises(BadInput, match="belongs to a profile"):
        VectorMemory(" ")


def test_threads_share_one_memory():
    memory = VectorMemory()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: memory.under(f"p{n % 4}").add(f"note {n}"), range(80)))
        found = list(threads.map(lambda n: len(memory.under(f"p{n}").search("note", 100)), range(4)))
    assert found == [20] * 4


WORDS = st.sampled_from(["score", "deal", "email", "acme", "globex", "buyer", "territory", "quota"])
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)
ACTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "forget", "replace"]), TEXTS), max_size=25)


@settings(max_examples=60, deadline=None)
@given(ACTS, TEXTS)
def test_nothing_of_one_profile_shows_in_another(acts, question):
    """What a profile is told, by notes, numbers, order or score, is what it would be told if it were alone."""
    together = VectorMemory("a")
    alone = {name: VectorMemory(name) for name in "abc"}
    given_ids: dict[str, list[str]] = {name: [] for name in "abc"}
    for profile, act, text in acts:
        if act == "forget":
            if given_ids[profile]:
                note = given_ids[profile].pop()
                together.under(profile).forget(note)
                alone[profile].forget(note)
            continue
        key = "k" if act == "replace" else ""
        note = together.under(profile).add(text, {"of": profile}, key=key)
        assert alone[profile].add(text, {"of": profile}, key=key) == note
        if not key:
            given_ids[profile].append(note)
    for name, own in alone.items():
        found = together.under(name).search(question, 50)
        assert found == own.search(question, 50)
        assert all(note.metadata == {"of": name} for note in found)
        assert len(together.under(name)) == len(own)


@given(st.text(max_size=60))
def test_a_text_has_one_vector_of_length_one_or_nothing(text: str):
    vector = NGrams().embed(text)
    assert vector == NGrams().embed(text)
    length = sum(value * value for value in vector)
    assert length == 0 or abs(length - 1) < 1e-9


def test_case_and_accents_do_not_count():
    assert NGrams().embed("Zoë ÅNGSTRÖM") == NGrams().embed("zoe angstrom")
