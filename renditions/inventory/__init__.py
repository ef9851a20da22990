"""What is on a storage, which of it is needed, and what a declaration would change.

`scopes` says where to look. `surveys` walks over the files there and judges each of them.
`pruning` deletes what nothing needs.
`forecasts` says what is there, what will be made, and what it will cost.
"""
