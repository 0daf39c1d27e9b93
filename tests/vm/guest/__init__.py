"""What runs inside the machine: the first script, the checks, and the line by which they tell how they went.

The checks are ordinary Python that needs nothing but what the guide installs: they ask the API as any NATS client does,
and look at the kernel's files for what is really so.
"""
