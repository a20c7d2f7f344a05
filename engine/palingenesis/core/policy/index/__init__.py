"""The indexed form of a policy: finds the rules that are true without looking at every rule.

Theory of operation: the evaluator of record (`conditions`, on simpleeval) walks the tree of every
condition until one is true. It decides in the daemon, where a decision a minute is much. A
simulation of a thousand nights, a difference over ten thousand recorded stops, or an analysis asks
millions of times; for them a policy is compiled further, and must answer exactly the same.

1. Rules are kept by the event that they listen to (`indexed`).
2. Up to 32 of them become straight-line code (`straight`).
3. More are spread out into clauses (`clauses`): alternatives of which each is a list of regions
   (`regions`), one for each subject it asks about.
4. Very many clauses are divided by the values of a subject that most of them ask for (`buckets`).
5. The clauses become bits, and for each subject there is a table from its values to the clauses
   that they allow; `&` joins them (`tables`).
6. What no table answers is computed by closures on the candidates that are left (`closures`).

That both evaluators agree is held by `tests/policy/test_index.py`, on random policies and facts.
The daemon never asks an index: `Policy.finder` is set by `indexed` alone.
"""

from palingenesis.core.policy.index.indexed import Indexed, index, indexed

__all__ = ["Indexed", "index", "indexed"]
