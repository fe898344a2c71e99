"""`slipway update` and `slipway doctor`: a repository made from the template follows it."""
