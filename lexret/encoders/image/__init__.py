"""The image side: the frozen backbone, the adapter, and the vocabulary head over patches."""
