"""Control: queries for what pictures show, without one thing, or for what none of them shows."""
