"""The computer under the agent: what it has, what of it is used, and what is kept back from pods.

port         what an agent asks of its machine, and a made-up one for simulations
host         the real one (psutil, `/proc`, sockets)
fingerprint  what is told of it when the node registers: size, labels, addresses, missing abilities
usage        what it and its pods use, sampled slowly
reserved     `--system-reserved` and `--kube-reserved`. PURE
"""
