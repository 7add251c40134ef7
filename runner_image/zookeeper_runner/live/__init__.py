"""The live link: how others watch this attempt, steer it and take seats in its world, from a thread of its own."""
