"""Pictures in files of many, tar shards and Parquet files: where these are, and their bytes."""
