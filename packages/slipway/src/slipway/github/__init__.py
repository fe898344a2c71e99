"""What workflows do with GitHub: `jobs` of a run, `pr_report`, settings of the `repository`, all over `client`."""
