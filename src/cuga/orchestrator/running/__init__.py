"""Runs at the front door: how they begin, and what people say to them while they go on."""
