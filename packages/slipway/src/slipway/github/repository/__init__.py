"""Apply `.github/` to the repository: `rulesets`, `environments` and `owners`; `apply` plans and takes the steps."""
