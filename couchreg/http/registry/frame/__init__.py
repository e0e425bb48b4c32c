"""What every operation of the registry door stands in: the call, bodies, answers, words of the route
table.
"""
