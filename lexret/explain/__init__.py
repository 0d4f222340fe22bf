"""Explanations of hits and pictures: products of words, heat maps, regions, clouds, figures.

No module here loads torch, and none opens a window: figures are drawn on matplotlib's Agg canvas,
without pyplot and its global state.
"""
