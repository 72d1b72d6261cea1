"""Put the page into what is built. Without Node, or for an editable install, nothing happens here.

A page that was built already (`make page`, or the one inside an sdist) is taken as it is.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = "src/cuga/api/page"
COMMANDS = (("npm", "ci", "--no-audit", "--no-fund"), ("npm", "run", "build"))


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds `web/` into the package, when that is needed and possible."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel or an sdist is made. `version` is `editable` for an editable install."""
        root = Path(self.root)
        if version == "editable" or (root / BUILT / "index.html").is_file():
            return
        sources, npm = root / "web", shutil.which("npm")
        if npm is None or not (sources / "package-lock.json").is_file():
            self.app.display_warning("no Node here: this build has no page; everything else works without it")
            return
        for command in COMMANDS:
            subprocess.run([npm, *command[1:]], cwd=sources, check=True)
