"""Changing rows, off by default: preview, consent, one transaction that is committed exactly once, and its undoing.

`images` reads and writes rows by their keys, `batch` carries out statements within a transaction, `ledger` notes what
was done in the database itself, `writes` and `undo` are the roads of a call, `told` are their sentences.
"""
