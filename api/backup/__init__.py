"""Backups of the whole database: taken, proved by a restore beside, restored, thrown away."""
