"""How a draft differs from the usual one because a person wants it so: shorter, with the price, without the history.

Nothing is written that is not in a record or in that person's own words; what cannot be done is a note on the draft.
"""

from __future__ import annotations

from collections.abc import Mapping

from cuga.errors import BadInput
from cuga.model.value import MICRO, Value
from cuga.packs.sales.engagement.templates import OUT

LENGTHS = ("usual", "short")
MENTIONS = ("price",)
NOTATIONS = ("1,234", "1.234", "1 234")
PARTS: Mapping[str, tuple[str, ...]] = {  # what can be left out -> the variables that are not given then
    "price": ("price",),
    "product": ("product_fact",),
    "size": ("people",),
    "industry": ("industry", "industry_phrase"),
    "history": ("owner_has", "since"),
    "name": ("first_name",),
}
MOST_ADDED = 5
_BETWEEN = {"1,234": (",", "."), "1.234": (".", ","), "1 234": ("\u00a0", ",")}


class Shape(Value, frozen=True, kw_only=True):
    """What is wanted otherwise than usual."""

    length: str = "usual"
    mention: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    notation: str = "1,234"

    def check(self) -> None:
        """`BadInput` for what there is not."""
        for name, said, known in (
            ("length", (self.length,), LENGTHS),
            ("mention", self.mention, MENTIONS),
            ("leave_out", self.leave_out, tuple(PARTS)),
            ("notation", (self.notation,), NOTATIONS),
        ):
            if wrong := [one for one in said if one not in known]:
                raise BadInput(f"{name} cannot be {wrong[0]!r}", mend=f"{name}: {', '.join(known)}")
        if len(self.add) > MOST_ADDED:
            raise BadInput(f"{len(self.add)} sentences are more than {MOST_ADDED}", mend="put several into one text")

    @property
    def is_usual(self) -> bool:
        """Whether nothing is wanted otherwise."""
        return self == Shape()

    def without(self, values: Mapping[str, str]) -> dict[str, str]:
        """The variables without those of parts that are left out."""
        gone = {name for part in self.leave_out for name in PARTS[part]}
        gone |= {"people", "product_fact", "owner_has", "since"} if self.length == "short" else set()
        return {name: value for name, value in values.items() if name not in gone}

    def applied(self, body: str, ask: str) -> str:
        """An e-mail's text with short paragraphs and a person's own sentences before the question that ends it."""
        paragraphs = body.split("\n\n")
        end = paragraphs.index(OUT) if OUT in paragraphs else len(paragraphs) - 1
        head, middle, tail = paragraphs[:1], paragraphs[1:end], paragraphs[max(end, 1) :]
        if self.length == "short":
            middle = [one if one == ask else one.partition(". ")[0].rstrip(".?!") + one[-1:] for one in middle]
        at = middle.index(ask) if ask in middle else len(middle)
        return "\n\n".join((*head, *middle[:at], *self.add, *middle[at:], *tail))

    def amount(self, micro: int, currency: str) -> str:
        """An amount in the wanted notation: 1,234 EUR, 1.234 EUR or 1 234 EUR."""
        thousands, point = _BETWEEN[self.notation]
        whole, _, part = f"{micro / MICRO:,.2f}".partition(".")
        text = whole.replace(",", thousands) + (f"{point}{part}" if part != "00" else "")
        return f"{text} {currency}".strip()
