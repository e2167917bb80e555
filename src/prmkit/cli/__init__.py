"""The prm command, one module a subcommand."""
