"""Labels: classes that are learnt from a few examples, and written into the index as a field."""
