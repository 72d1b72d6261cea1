"""What a run may call: tools as functions with a contract, kept in a registry, invoked through one door."""
