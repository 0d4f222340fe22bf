"""Where a run begins: maps in closed form, before the first step."""
