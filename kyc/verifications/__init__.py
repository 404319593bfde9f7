"""The case: states, checks, policy, decision."""
