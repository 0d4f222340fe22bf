"""What a run reads: data sets, cached features, imagined pictures, and the batches of each step."""
