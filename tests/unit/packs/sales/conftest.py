"""A sample house, imported once, and a context that reasons from its date."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cuga.adapters.offline import CrmStore, DocumentFolder, Outbox
from cuga.clock import ManualClock
from cuga.packs.sales.importing import import_directory
from cuga.packs.sales.sample import TODAY, write_sample
from cuga.packs.sales.sample_documents import write_documents
from cuga.tools.declare import ToolContext


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sample")
    write_sample(directory)
    return directory


@pytest.fixture(scope="session")
def imported(sample):
    store = CrmStore.open(":memory:")
    return store, import_directory(sample, store)


@pytest.fixture(scope="session")
def crm(imported):
    return imported[0]


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "outbox", clock=ManualClock())


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("documents")
    write_documents(directory, today=TODAY)
    return DocumentFolder(directory)


@pytest.fixture
def context(crm, outbox, folder):
    bound = {"crm": crm, "mail": outbox, "documents": folder}
    return ToolContext.for_tests(capabilities=bound, as_of=datetime(2026, 1, 5, 9, tzinfo=UTC))


@pytest.fixture(scope="session")
def maven():
    root = os.environ.get("CUGA_TEST_DATA", "")
    directory = Path(root) / "maven_crm"
    if not root or not directory.is_dir():
        pytest.skip("CUGA_TEST_DATA names no directory with maven_crm in it")
    return directory


@pytest.fixture(scope="session")
def maven_crm(maven):
    store = CrmStore.open(":memory:")
    import_directory(maven, store)
    return store


@pytest.fixture
def maven_context(maven_crm):
    return ToolContext.for_tests(capabilities={"crm": maven_crm}, as_of=datetime(2017, 12, 31, tzinfo=UTC))
