"""Work that a run asks of a language model: plans and texts, with the rules where there is none."""
