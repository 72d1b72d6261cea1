"""An older path to the server; the room is `cuga.api`."""
