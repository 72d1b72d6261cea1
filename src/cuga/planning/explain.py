"""Why a plan is as it is, in words: for each step, for the choice of tools, and for what was left out."""

from __future__ import annotations

from cuga.model.tool import ToolContract
from cuga.planning.answer import Question
from cuga.planning.clauses import Reading
from cuga.planning.evidence import Choice, Chosen
from cuga.planning.filling import Filled

MOST_OFFERED = 8


def reason(step: Filled, filled_from: dict[str, str], condition: str) -> str:
    """Why a step is there and where its arguments come from."""
    choice = step.choice
    asked = f'asked for by "{short(choice.clause.text)}"'
    said = f"needed by {choice.needed_by}" if choice.needed_by else asked
    flow = "; ".join(f"{name} from {source}" for name, source in filled_from.items())
    return ". ".join(part for part in (said, flow, f'held to "{condition}"' if condition else "") if part)


def why(choices: list[Choice]) -> tuple[str, ...]:
    """The ranking behind each tool: the words that chose it, and the tool that came second."""
    lines = []
    for choice in choices:
        if choice.needed_by:
            lines.append(f"{choice.contract.name}: gives what {choice.needed_by} needs")
            continue
        words = ", ".join(_spoken(choice))
        line = f'{choice.contract.name} ({choice.score:.2f}) for "{short(choice.clause.text)}": {words}'
        if choice.runner_up is not None:
            line += f"; before {choice.runner_up.tool} ({choice.runner_up.score:.2f})"
        lines.append(line)
    return tuple(lines)


def _spoken(choice: Choice) -> list[str]:
    """The words that chose a tool, as the goal has them."""
    said = {word.stem: word.low for word in choice.clause.words}
    return [said.get(word, word) for word in choice.words]


def notes(reading: Reading, chosen: Chosen) -> list[str]:
    """What the reader must know of what was not planned, or not believed."""
    found = [f"{m.written!r} was read as the {m.kind} {m.value}." for m in reading.mentions if m.written]
    found += [f"{written!r} was read as {meant!r}." for written, meant in dict.fromkeys(reading.mended)]
    if reading.waived:
        found.append(f'"{reading.waived}" counts for nothing: who must agree is the profile\'s to say.')
    for tool, text in chosen.asked.items():
        found.append(f'Not planned: {tool} for "{short(text)}", because {chosen.withheld[tool]}.')
    found += [f'Not planned: "{short(clause.text)}"; no tool here does that.' for clause in chosen.beyond]
    return found


def offer(contracts: list[ToolContract], opening: str) -> Question:
    """A question back that says what can be done here."""
    shown = sorted(contracts, key=lambda contract: (contract.domain, contract.name))
    lines = tuple(_sentence(contract) for contract in shown[:MOST_OFFERED])
    more = f" and {len(shown) - MOST_OFFERED} more (`cuga tools` lists them)" if len(shown) > MOST_OFFERED else ""
    can = "; ".join(lines)
    text = f"{opening} What I can do: {can}{more}." if lines else f"{opening} No tool is available under this profile."
    return Question(text=text)


def _sentence(contract: ToolContract) -> str:
    purpose = contract.purpose.strip().split(". ")[0].rstrip(".")
    return f"{contract.name.replace('_', ' ')} ({short(purpose, 90)})" if purpose else contract.name.replace("_", " ")


def short(text: str, most: int = 80) -> str:
    """A text in one line of at most `most` characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 3].rstrip()}..."
