"""Make a repository a team's own: a problem package from a table, in place of the example."""
