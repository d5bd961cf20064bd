"""What agents are told when a statement fails: sentences of ours, and one table of patterns per dialect."""
