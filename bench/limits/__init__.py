"""The limits: the least that each job takes, with nothing around it."""
