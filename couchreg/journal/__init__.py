"""What happened, as lines: who asked what, and who changed what.

Owns the lines (their files, their writing beside the event loop, how much may wait), which request is under
way, and what a line may say. Does not own what is worth a line of the trail, which those say who do it, nor
what a door answers. Comes in: everybody.
"""
