"""Guests that nobody here wrote: Debian's packages, fetched, and what Linux needs around its kernel."""
