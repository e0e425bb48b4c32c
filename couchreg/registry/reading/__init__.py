"""What is published, found and described: catalog, history, dependencies, download counts.

Reads only. The doors and the other wings come in.
"""
