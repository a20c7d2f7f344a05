"""The storms of tests/torture/storms.py: what is raised, what is watched, what is drawn."""
