"""Deals: what is known of them, and what is not."""
