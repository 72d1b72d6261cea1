"""Telling people outside the page that they are waited for, or that a run has ended.

A message says what waits and links to it; it never carries the words of a call, and nothing in it decides.
"""
