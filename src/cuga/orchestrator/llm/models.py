"""The language model of a house, as its registry has it now: whether it may be asked, and if not, why."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cuga.adapters.capability.model import Model
from cuga.adapters.openai_adapter import OpenAIAdapter
from cuga.model.value import Value
from cuga.planning.masking import Mask, NoMask
from cuga.policy.models import ModelSaid, is_here
from cuga.policy.profile import ModelRule, ModelUse
from cuga.policy.registry import Registry
from cuga.settings import Settings


class ModelNow(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Whether a language model helps to plan, in one line for a person."""

    is_on: bool
    line: str


class Models:
    """Finds the model. `given` is one that was handed in, which goes before the registry's."""

    def __init__(self, settings: Settings, registry: Callable[[], Registry], given: Model | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._given = given
        self._made: tuple[ModelSaid, OpenAIAdapter] | None = None

    def model(self) -> Model | None:
        """The model, whether it can be asked or not."""
        if self._given is not None:
            return self._given
        said = self._registry().model
        if said is None:
            return None
        if self._made is None or self._made[0] != said:
            settings = self._settings
            adapter = OpenAIAdapter(said, settings.variables, inside=settings.inside, proxy=settings.proxy)
            self._made = said, adapter
        return self._made[1]

    def why_not(self, profile: str, pinned: ModelRule | None = None) -> str:
        """Why no model is asked under a profile; empty when one is. What was tightened since a run began counts."""
        now = self._registry().profiles.get(profile)
        rule = pinned or (now.model if now is not None else ModelRule())
        if rule.use is ModelUse.OFF or (now is not None and now.model.use is ModelUse.OFF):
            return f"the profile {profile} asks no model"
        model = self.model()
        return "the registry names no model" if model is None else model.why_not()

    def mask(self, people: Iterable[str]) -> Mask:
        """What hides these people from the model, unless it is in the house or the registry says otherwise."""
        said, given = self._registry().model, self._given
        hides = not is_here(given.host) if given is not None else said is not None and said.masks
        return Mask(people) if hides else NoMask()

    @property
    def is_named(self) -> bool:
        """Whether somebody wants one: it was handed in, or the environment holds its key, or it needs none."""
        said = self._registry().model
        if self._given is not None or said is None:
            return self._given is not None
        return not said.key_env or bool(self._settings.variables.get(said.key_env))

    def is_wanted(self, profile: str) -> bool:
        """Whether a run under a profile asks for plans of a model. When that fails then, its plan says why."""
        found = self._registry().profiles.get(profile)
        return self.is_named and found is not None and found.model.use is not ModelUse.OFF

    def now(self, profile: str) -> ModelNow:
        """How it stands, for a person."""
        model, why = self.model(), self.why_not(profile)
        if why or model is None:
            return ModelNow(is_on=False, line=f"No model: plans come from plays and rules ({why}).")
        return ModelNow(is_on=True, line=f"Model: {model.name} at {model.host} plans; the rules check.")
