"""To prove, test and compare decision tables.

`verify` proves one table, or a chain of them (`examine` with `rows` and `pairs`; `chain`). `examples` and `boundaries` test
a table, `diff` compares two (`regions`, `alignment`). All of it looks at the input space of a table: `space` cuts it into
what no row can tell apart, `cover` searches it, `limits` ends a search.
"""
