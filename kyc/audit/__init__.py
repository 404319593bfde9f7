"""The audit log: append-only events, a Merkle tree per tenant, signed checkpoints, an offline verifier."""
