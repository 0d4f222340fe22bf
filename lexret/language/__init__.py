"""What a vocabulary does not hold: other spellings, compounds, kinds, and other languages.

It knows words alone: no index, no query language, no model. :mod:`lexret.language.reader` is what
others call.
"""
