"""Everything breaks while clients write and read, and a checker looks for what went wrong: `make faults`."""
