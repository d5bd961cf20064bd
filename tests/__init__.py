"""The tests: they mirror src, one file per module, plus the folders that prove claims about the whole."""
