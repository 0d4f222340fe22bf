"""From pictures to Parquet: parts of a plan, encoded by many processes on one machine or many."""
