"""Words written in a room. A feature: knows the rooms, and none of its sibling features."""
