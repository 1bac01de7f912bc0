"""Compliance exports: records of the ledger as files, with a signed manifest. See docs/evidence/exports.md."""
