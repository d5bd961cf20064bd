"""The command line: `main` chooses a command, every command is a file, nothing is loaded that it does not need."""
