"""Is Vouch well? A canary through the whole chain, figures with limits and advice, metrics for Prometheus."""
