"""Suites: everything that is measured by one command, and its report."""
