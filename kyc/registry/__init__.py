"""Which models this deployment knows, and what their scores mean."""
