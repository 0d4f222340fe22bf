"""Looking at a whole library: by date, by the words that it holds, and one picture closely."""
