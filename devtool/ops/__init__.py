"""The operator's view: what is stuck, why, and sending it again; of the local cloud or of a real stage."""
