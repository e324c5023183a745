"""How bytes reach an upstream: one folder for each kind of transport."""
