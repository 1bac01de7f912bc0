"""Sending: what is due is taken, handed to its channel, and what became of it recorded."""
