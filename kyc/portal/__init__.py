"""The review portal: people sign in, see what waits for a person, look at a case, decide."""
