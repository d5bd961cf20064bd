"""The audit log: what was asked, by whom, what was decided and what came of it."""
