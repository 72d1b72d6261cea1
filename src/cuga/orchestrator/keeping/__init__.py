"""The record as it is kept: sealed, proved, retained, erased, restored."""
