"""The peers: the same jobs, written as the documentation of what they are made of advises."""
