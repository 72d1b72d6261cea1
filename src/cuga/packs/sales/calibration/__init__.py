"""From closed deals to a card of a few yes/no factors with whole points, and an honest word on whether it tells
anything."""
