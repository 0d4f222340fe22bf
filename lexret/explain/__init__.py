"""Why a picture was found: products of words, heat maps, telling regions, word clouds, figures.

No module here loads torch, and none shows a window: figures are drawn with matplotlib's Agg
objects, never through pyplot's global state.
"""
