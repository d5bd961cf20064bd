"""The client: `dragoman.Client` over memory, stdio and HTTP, in both eras."""
