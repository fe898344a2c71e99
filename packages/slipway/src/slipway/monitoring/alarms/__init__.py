"""Judge what was measured by the rules: the alarms that fire, those that have recovered, and what to do about each."""
