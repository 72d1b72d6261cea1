"""An older door: the tables beside the streams are folds, and their room is `cuga.projections.rows`."""

from __future__ import annotations

from cuga.projections.rows import index_of, open_approval, run_row

__all__ = ["index_of", "open_approval", "run_row"]
