"""Databases for agents: read-only SQL, checked twice and capped. `dragoman.Sql` is the way in."""
