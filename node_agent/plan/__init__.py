"""Deciding on a node: from what a pod is to what should be done next. Pure.

Reads: the pod, what the runtime says of its containers, the time as a value. Returns: steps with reasons, and the
status to report. Never here: asyncio, processes, clocks, logging.
"""
