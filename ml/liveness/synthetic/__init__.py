"""Sessions rendered from one photograph: people who do as asked, and attacks that try to.

They test the geometry, the clockwork and the plumbing of `ml.liveness.active`. A rendered person is not a person:
error rates measured here say nothing about people, and none of it is an ISO/IEC 30107-3 evaluation.
"""
