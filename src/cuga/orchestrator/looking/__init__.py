"""Questions that change nothing: lists, requests with all that a decision needs, results, how things stand."""
