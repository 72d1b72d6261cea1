"""What callers of the Python library get beside the coordinator: stages, retries, partial results, what is left."""
