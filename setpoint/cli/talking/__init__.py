"""What the verbs that talk with running programs share: which pod, this terminal, and our own stdin and stdout.

pods        the pod and the container that a person names
terminal    this terminal as a wire: raw, and its size
standard    our stdin and stdout, at the pace of whoever is on the other side
session     one conversation with a program, from its request to its exit code
"""
