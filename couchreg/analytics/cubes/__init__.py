"""Aggregates in babbage's form: the model of a table, and what is asked of it as SQL.

Owns what a measure, a dimension and an attribute are, how cuts are written, and the statements that follow.
Does not own how these are run (`answering`) or how answers look (the door). Pure. Comes in: `cubing`, and
`http/registry`, which shows models.
"""
