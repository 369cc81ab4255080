"""From a profile to a recommendation: facts, the chain of tables, the answer, its explanation, migration guides."""
