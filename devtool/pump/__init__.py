"""Lambda's event-source semantics for DynamoDB streams, over the public APIs of the local cloud.

MiniStack delivers stream records, but without partial batch responses, bisecting, retry caps, windows, lanes,
or `$or` in filters. This pump reads the *deployed* mappings and does what Lambda would do, so that what is
deployed is what is tried. `filters` and `batches` decide and are pure; `lane`, `reader` and `expiry` act.
"""
