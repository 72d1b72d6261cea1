"""The page: files that were built into `api/page/`, each served as it is. Every other path is the page's own."""

from __future__ import annotations

import mimetypes
from importlib import resources
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from cuga.api.problems import OURS, PAGE
from cuga.errors import NotFound

page = APIRouter(include_in_schema=False)
_UNBUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>cuga</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>cuga</h1>
<p>The doors are open, but this checkout has no page: it is built from <code>web/</code>.</p>
<pre>cd web
npm ci
npm run build</pre>
<p>Then load this again. An installed wheel has it inside. The doors are described in
<a href="/api/docs.txt">/api/docs.txt</a> and <a href="/api/openapi.json">/api/openapi.json</a>.</p>
</body></html>
"""
mimetypes.add_type("application/manifest+json", ".webmanifest")


def built() -> Path | None:
    """Where the built page is; None when it has not been built."""
    found = Path(str(resources.files("cuga.api"))) / "page"
    return found if (found / "index.html").is_file() else None


@page.get(PAGE)
async def show_page(request: Request, path: str) -> Response:
    """A file of the page; for any other path the page itself, which knows its own places."""
    if request.url.path.startswith(OURS):
        raise NotFound(f"nothing at {request.url.path}", mend="`/api/openapi.json` lists every path.")
    root = built()
    if root is None:
        return HTMLResponse(_UNBUILT, headers={"Cache-Control": "no-store"})
    if (wanted := _file_of(root, path)) is not None:
        is_named_by_content = "/assets/" in f"/{path}"
        keep = "public, max-age=31536000, immutable" if is_named_by_content else "no-cache"
        return FileResponse(wanted, headers={"Cache-Control": keep})
    if path.startswith("assets/") or Path(path).suffix in (".js", ".css", ".png", ".svg", ".map"):
        raise NotFound(f"the page has no file {path}")
    return FileResponse(root / "index.html", headers={"Cache-Control": "no-cache"})


def _file_of(root: Path, path: str) -> Path | None:
    """The file of the page that a path names, if it names one."""
    try:
        found = (root / path).resolve(strict=True)
    except (OSError, ValueError):
        return None  # no such file; or nothing that a file can be called
    return found if found.is_file() and found.is_relative_to(root.resolve()) else None
