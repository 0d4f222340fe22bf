"""Classes from a few examples: how many pictures go to the right one."""
