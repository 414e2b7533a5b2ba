"""AWS without boto3, for everything but files.

boto3 is 150 ms of a cold start and nine tenths of the processor time of a warm request. This is no second boto3: one
signature, kept-alive connections, the JSON protocol, and the dozen operations that are called here. Files (S3) stay
with boto3: an import's price alone.
"""
