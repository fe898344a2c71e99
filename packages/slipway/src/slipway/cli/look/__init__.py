"""Commands that show what is deployed and how it got there."""
