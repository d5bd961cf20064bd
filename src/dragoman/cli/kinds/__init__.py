"""One file for each kind of target: how it is added to a server. Loaded only when such a target is served."""
