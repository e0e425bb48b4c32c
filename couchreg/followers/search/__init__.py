"""The search: what is published, found by words, phrases and properties.

Owns how descriptors become items, texts become terms and questions become queries (`tokens`, `items`,
`query`: the same for every engine), the engines (`fts5`, `whoosh_index`) behind `base.SearchIndex`, and the
follower that keeps one up to date. Does not own checkpoints and repetition (`followers.loop`) or HTTP. Comes
in: `app`, `http/registry`.
"""
