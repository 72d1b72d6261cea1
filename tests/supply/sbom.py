"""`make sbom`: the bill of materials as CycloneDX 1.6 in `.work/cuga.cdx.json`, and its page among the reference."""

from __future__ import annotations

from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from tests.docs.pages import DOCS, ROOT
from tests.supply.bill import SAID_HERE, Part, bill

import cuga

WRITTEN = ROOT / ".work/cuga.cdx.json"
PAGE = DOCS / "reference/dependencies.md"
HEAD = """# Dependencies and their licences

What is shipped with cuga or installed with it, made from the pinned requirements and the page's lock file by
`make sbom`, which also writes the bill of materials (CycloneDX 1.6) to `.work/cuga.cdx.json`. A test holds this page to
the pins, and every licence to the list of those that may be used: permissive ones, and LGPL and MPL for packages that
are used as they are. The extra `desktop` is not pinned, for its packages differ on every system; tools that only build
and test are not shipped, and not listed.

"""


def boms() -> Bom:
    """The bill as CycloneDX has it."""
    made = Bom()
    of = LicenseFactory()
    root = Component(name="cugar", version=cuga.__version__, type=ComponentType.APPLICATION, bom_ref="cugar",
                     licenses=[of.make_with_expression("Apache-2.0")])  # fmt: skip
    made.metadata.component = root
    parts = [_component(part, of) for part in bill()]
    for part in parts:
        made.components.add(part)
    made.register_dependency(root, parts)
    return made


def _component(part: Part, of: LicenseFactory) -> Component:
    space, _, name = part.name.rpartition("/")
    url = PackageURL(type=part.kind, namespace=space or None, name=name, version=part.version)
    is_odd = SAID_HERE.get(part.name) == "any-OSI"
    said = of.make_with_name("any licence approved by the OSI") if is_odd else of.make_from_string(part.licence)
    return Component(
        name=part.name, version=part.version, purl=url, bom_ref=str(url), type=ComponentType.LIBRARY, licenses=[said],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in part.hashes[:1] if len(part.hashes) == 1],
    )  # fmt: skip


def page() -> str:
    """The page."""
    titles = {"pypi": "Python packages", "npm": "In the page"}
    text = HEAD
    for kind, title in titles.items():
        rows = [part for part in bill() if part.kind == kind]
        text += f"## {title}\n\n| package | version | licence | needed for |\n|---|---|---|---|\n"
        for part in rows:
            where = f", where `{part.where}`" if part.where else ""
            text += f"| {part.name} | {part.version} | {part.licence} | {part.needed_for}{where} |\n"
        text += "\n"
    counts: dict[str, int] = {}
    for part in bill():
        counts[part.licence] = counts.get(part.licence, 0) + 1
    text += "## By licence\n\n| licence | packages |\n|---|---|\n"
    return text + "".join(f"| {name} | {count} |\n" for name, count in sorted(counts.items()))


def write(place: Path = WRITTEN) -> None:
    """Write both."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(JsonV1Dot6(boms()).output_as_string(indent=2), "utf-8")
    PAGE.write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
    wrong = [f"{part.name} ({part.licence})" for part in bill() if not part.is_allowed]
    print(f"{len(bill())} packages: {WRITTEN.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")
    raise SystemExit(f"not on the list of licences: {', '.join(wrong)}" if wrong else 0)
