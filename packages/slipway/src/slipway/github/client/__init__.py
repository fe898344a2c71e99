"""Call GitHub: `access` finds the repository and its token, `api` sends the requests and explains error responses."""
