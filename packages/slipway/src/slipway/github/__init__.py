"""GitHub for workflows: `jobs` of a run, `pr_report`, settings of the `repository`, all over `client`."""
