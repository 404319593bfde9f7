"""The people being verified, and what they consented to."""
