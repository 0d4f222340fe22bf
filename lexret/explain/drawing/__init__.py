"""Drawings of explanations: clouds, overlays, figures and pages, as PNG, SVG and HTML."""
