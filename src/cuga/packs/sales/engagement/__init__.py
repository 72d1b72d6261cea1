"""Messages: drafting, checking and sending them."""
