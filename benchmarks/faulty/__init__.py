"""What the tests of faults share: servers that can be killed, a way to Redis that can be disturbed, and who asks meanwhile."""
