"""What every area stands on: ids, errors, the clock, the acting scope, row-level security."""
