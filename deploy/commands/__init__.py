"""The command line, one module a subject; each command imports what it runs when it runs."""
