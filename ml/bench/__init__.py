"""How fast each stage is here: against its peers, and against what the machine can do at all."""
