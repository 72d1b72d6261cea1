"""Looking at the house's data."""
