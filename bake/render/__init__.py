"""What people and machines see of a run: folds over its events, and the text of diagnostics, plans, lists and images.

`renderer` chooses among `tty` (over the pure picture of `live`), `plain`, `jsonl` and `quiet`; `report` folds the same
events to the report. None but `tty` imports rich.
"""
