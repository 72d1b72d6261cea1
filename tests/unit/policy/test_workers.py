"""Worker pools in the registry: every mistake with its line, and nothing unknown ignored."""

from __future__ import annotations

import pytest

from cuga.errors import RegistryInvalid
from cuga.policy.registry import load_registry
from cuga.policy.routing import AT_ONCE, IN_PROCESS, PROCESS, Pool
from cuga.testing.factories import READ

BASE = """\
version: 1
domains: [intelligence, knowledge]
adapters: {crm: [offline, folder]}
profiles:
  p: {calls: 1, approvals: strict, adapters: [offline]}
"""
KNOWN = {READ.name: READ}


def mistakes(text, contracts=KNOWN):
    with pytest.raises(RegistryInvalid) as refusal:
        load_registry(BASE + text, contracts=contracts)
    return [str(mistake) for mistake in refusal.value.facts["mistakes"]]


def test_pools_are_read_with_their_defaults():
    assert load_registry(BASE).workers == {}
    found = load_registry(
        BASE
        + """\
workers:
  desk: {capabilities: [intelligence, score], tools: [score], concurrency: 2, adapters: [folder], kind: in-process}
  rest: {capabilities: [knowledge]}
  apart: {capabilities: [knowledge], kind: process}
""",
        contracts=KNOWN,
    ).workers
    assert found["apart"].kind == PROCESS and found["rest"].kind == IN_PROCESS
    assert found["desk"] == Pool(
        name="desk", capabilities=("intelligence", "score"), tools=("score",), concurrency=2, adapters=("folder",)
    )
    assert found["rest"] == Pool(name="rest", capabilities=("knowledge",), concurrency=AT_ONCE)


def test_all_mistakes_are_said_at_once_with_their_lines():
    said = mistakes(
        """\
workers:
  desk: {capabilities: [intelligense, scor], tools: [draft], concurrency: 0, adapters: [offlin]}
  other: {tools: [], size: 3, kind: odd}
  third: [intelligence]
  last: {capabilities: []}
"""
    )
    assert said == [
        "line 7, column 25, workers.desk.capabilities[0]: there is no domain or tool 'intelligense'",
        "line 7, column 39, workers.desk.capabilities[1]: there is no domain or tool 'scor'; did you mean 'score'?",
        "line 7, column 54, workers.desk.tools[0]: there is no tool 'draft'",
        "line 7, column 75, workers.desk.concurrency: expected a whole number from 1 to 1,000, got 0",
        "line 7, column 89, workers.desk.adapters[0]: unknown adapter 'offlin'; did you mean 'offline'?;"
        " known: folder, offline",
        "line 8, column 10, workers.other: 'capabilities' is missing",
        "line 8, column 18, workers.other.tools: an empty list takes nothing: name some or leave the key out",
        "line 8, column 22, workers.other.size: unknown key",
        "line 8, column 37, workers.other.kind: unknown kind 'odd'; known: in-process, process",
        "line 9, column 10, workers.third: expected a mapping, got a list",
        "line 10, column 24, workers.last.capabilities: an empty list takes nothing: name some or leave the key out",
    ]


def test_pools_are_no_rules_and_pin_nothing():
    pools = "workers: {desk: {capabilities: [intelligence]}}\n"
    assert load_registry(BASE + pools).digest() == load_registry(BASE).digest()


def test_a_nested_file_names_no_pools():
    above = load_registry(BASE + "workers: {desk: {capabilities: [intelligence]}}\n")
    assert load_registry("version: 1\n", within=above).workers == above.workers
    with pytest.raises(RegistryInvalid, match="unknown key"):
        load_registry("version: 1\nworkers: {}\n", within=above)
