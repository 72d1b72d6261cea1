"""Accounts and people: how well one fits, who decides there."""
