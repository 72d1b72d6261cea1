"""The eyes of the house: each room here is a fold of the journal, and none of them is a second truth.

`rows`, `runs`, `trace`, `inbox`, `audit`, `result` and `budget` read one run's stream when asked. `signals` spans all
runs and keeps its fold in `views.db`, which may be lost at any time. `check` compares the tables with it.
"""
