"""AWS without boto3, for the calls that a login waits for and those that are made a thousand at a time.

boto3 is 150 ms of a cold start and nine tenths of the processor time of a warm request. This is no second boto3: one
signature, one kept-alive connection, the JSON protocol. Everything that nobody waits for stays with boto3.
"""
