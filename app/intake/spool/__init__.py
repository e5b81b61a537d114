"""The spool: where file bytes wait, encrypted, when they must."""
