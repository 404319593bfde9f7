"""`vouch-verify`: checks an export against checkpoints, offline. Neither Django nor a database."""
