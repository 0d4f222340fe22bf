"""Evaluation of models: retrieval, patches, control, cost, baselines and suites."""
