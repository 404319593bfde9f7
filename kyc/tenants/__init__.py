"""Who uses Vouch: banks, their API keys, their people's roles."""
