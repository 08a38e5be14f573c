"""Files in: registers, population, places and the city file that names them; every fault of one reading at once.

Inputs are opened read-only. What a file says is data: names pass through as they are, numbers are checked.
"""
