"""The rooms behind `step`: how one event becomes a new world, decisions and effects."""
