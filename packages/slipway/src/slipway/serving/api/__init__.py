"""The protocols that rows and outcomes come by, and the one place where rows become answers."""
