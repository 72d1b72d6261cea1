"""Territory and capacity: simulations and proposals; nothing is assigned without a person."""
