"""Files of the ledger: small ones are streamed, large ones are made by a worker and kept a day."""
