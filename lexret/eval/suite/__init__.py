"""Suites: sets of measurements that one command makes, and their reports."""
