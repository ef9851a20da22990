"""How the service grows: with worker processes, and with rows on the ledger."""
