"""A run that is rehearsed: as far as it would go by itself, on a copy of its house, with nothing reaching out of it."""

from cuga.orchestrator.dryrun.answer import DryRun, Proof, Refusal, Trip
from cuga.orchestrator.dryrun.asking import dry_run
from cuga.orchestrator.dryrun.kept import Unlike, find_kept, unlike, usable

__all__ = ["DryRun", "Proof", "Refusal", "Trip", "Unlike", "dry_run", "find_kept", "unlike", "usable"]
