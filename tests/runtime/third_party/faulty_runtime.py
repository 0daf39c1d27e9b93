"""A driver whose module cannot be imported, and not for want of another one."""

raise OSError("this driver needs a licence")
