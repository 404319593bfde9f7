"""Signed notices to the tenant's servers: endpoints, events, deliveries, a sender that cannot be turned inwards."""
