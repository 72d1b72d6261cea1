"""The how-to about proving a record: what it says of witnesses and stores runs as it stands, with two houses and a
store on this machine in the place of those that it names."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import boto3
import pytest
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
from tests.docs.pages import ROOT, blocks, page, sections

PAGE = "howto/prove-your-record.md"
AWS = """#!{python}
import boto3, os, sys
one = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="eu-central-1",
                   aws_access_key_id="k", aws_secret_access_key="s")
_, what, source, *to = sys.argv[1:]
bucket, _, name = source.removeprefix("s3://").partition("/")
if what == "ls":
    for found in one.list_objects_v2(Bucket=bucket, Prefix=name)["Contents"]:
        print("2026-11-30 09:00:00", found["Size"], found["Key"].removeprefix(name))
else:
    one.download_file(bucket, name, to[0])
"""  # what the page uses of Amazon's command, over Amazon's library


class Session:
    """A shell in a directory, with the commands that the page uses."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.here = base / "here"
        commands = base / "bin"
        for directory in (self.here, commands):
            directory.mkdir()
        for name, text in {
            "cuga": f'#!/bin/sh\nexec "{sys.executable}" -m cuga.cli "$@"\n',
            "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
            "pip": "#!/bin/sh\n",  # what it would bring is there
            "aws": AWS.format(python=sys.executable),
        }.items():
            (commands / name).write_text(text)
            (commands / name).chmod(0o755)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CUGA_", "AWS_"))}
        self.variables = inherited | {
            "PATH": f"{commands}{os.pathsep}{inherited['PATH']}",
            "PYTHONPATH": str(ROOT / "src"),
            "XDG_STATE_HOME": str(base / "state"),
            "CUGA_INSIDE": "127.0.0.1",
        }
        self.instead: dict[str, str] = {}

    def __call__(self, text: str, house: str = "a", expected: int = 0) -> str:
        for said, meant in self.instead.items():
            text = text.replace(said, meant)
        done = subprocess.run(
            ["sh", "-c", f"set -e\n{text}"], cwd=self.here, capture_output=True, text=True, stdin=subprocess.DEVNULL,
            env=self.variables | {"CUGA_HOUSE": str(self.base / house)}, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == expected, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def runs(self, title: str) -> list[str]:
        """What the blocks of a section that run said."""
        found = [one for one in blocks(sections(page(PAGE), 2)[title]) if one.words.startswith("sh runs")]
        return [self(one.text, "b" if "at=b" in one.words else "a") for one in found]


@pytest.fixture
def session(tmp_path: Path) -> Session:
    one = Session(tmp_path)
    one(f"cuga init {tmp_path}/a && cuga init {tmp_path}/b && cuga run 'Find duplicate accounts' --profile smb")
    one("cuga seal")
    word = one("cuga seal | awk '$1 == \"key\" {print $2}'").strip()
    one.instead = {"cuga/5b1f...+4f2a...+AV...": word, "cuga/5b1f...": word.partition("+")[0]}
    shutil.copy(ROOT / "src/cuga/verify.py", one.here)
    return one


@contextlib.contextmanager
def served(session: Session) -> Iterator[str]:
    """The other house, served in a process of its own."""
    command = [sys.executable, "-m", "cuga.cli", "serve", "--port", "0"]
    variables = session.variables | {"CUGA_HOUSE": str(session.base / "b")}
    log = session.base / "serve.log"
    with log.open("w") as out, subprocess.Popen(command, env=variables, stdout=out, stderr=out) as process:
        try:
            for _ in range(600):
                found = [word for word in log.read_text().split() if word.startswith("http://127.0.0.1:")]
                if found:
                    break
                time.sleep(0.1)
            url = "/".join(found[0].split("/")[:3])
            with urlopen(f"{url}/healthz", timeout=20) as answer:
                assert answer.status == 200
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_another_house_is_a_witness_as_the_page_says(session: Session) -> None:
    with served(session) as url:
        session.instead["https://b.example.com"] = url
        session('cuga witness trust cuga/5b1f...+4f2a...+AV... --label "Birch Ltd"', "b")
        session(f"cp {session.base}/a/journal.db .")
        shown, examined, checked = session.runs("Let another house be a witness")
    assert "/witness+" in shown and "Birch Ltd" in shown
    assert f"witness:{url}/api/witness" in examined and "broken" not in examined
    assert "It holds" in checked or "holds" in checked


def test_an_object_store_keeps_checkpoints_as_the_page_says(session: Session) -> None:
    s3_backends.reset()  # all stores of a process share what they hold
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        session.variables["AWS_ENDPOINT_URL"] = url
        boto3.client(
            "s3", "eu-central-1", endpoint_url=url, aws_access_key_id="k", aws_secret_access_key="s"
        ).create_bucket(Bucket="audit", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        session(f"cp {session.base}/a/journal.db .")
        examined, checked = session.runs("Keep checkpoints in an object store")
    finally:
        server.stop()
        s3_backends.reset()
    assert "s3://audit/birch" in examined and "broken" not in examined
    assert "holds" in checked
