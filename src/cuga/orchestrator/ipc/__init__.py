"""One house, several processes of one machine: who finds it taken talks to the process that holds it."""
