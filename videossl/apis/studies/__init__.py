"""Studies: the rows of a table, each run with several seeds, with intervals and differences."""
