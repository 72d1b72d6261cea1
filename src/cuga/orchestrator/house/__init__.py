"""One house: where it lies, what it is put together from, and the process that has it open."""
