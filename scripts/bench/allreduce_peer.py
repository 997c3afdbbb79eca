"""A rank of gloo (PyTorch) or MPI (mpi4py) for `kaleido bench allreduce`.

It forms its group, connects to the benchmark and then does what it is told, line by line: "run BYTES ITERATIONS" sums BYTES of
float32 zeros in place over all ranks and answers the seconds per iteration. While it waits it sleeps, so that the libraries can be
measured in turns. Environment: BENCH_LIBRARY, BENCH_CONTROL (host:port) and, for gloo, BENCH_RANK, BENCH_WORLD, BENCH_RENDEZVOUS.
"""

import os
import socket
import time


def gloo():
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    rank, world = int(os.environ["BENCH_RANK"]), int(os.environ["BENCH_WORLD"])
    dist.init_process_group("gloo", init_method="tcp://" + os.environ["BENCH_RENDEZVOUS"], rank=rank, world_size=world)
    return rank, lambda count: torch.zeros(count), dist.all_reduce, dist.barrier


def mpi():
    import numpy
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    return (
        world.Get_rank(),
        lambda count: numpy.zeros(count, dtype=numpy.float32),
        lambda values: world.Allreduce(MPI.IN_PLACE, values, op=MPI.SUM),
        world.Barrier,
    )


def main():
    rank, zeros, all_reduce, barrier = {"gloo": gloo, "mpi": mpi}[os.environ["BENCH_LIBRARY"]]()
    host, port = os.environ["BENCH_CONTROL"].rsplit(":", 1)
    control = socket.create_connection((host, int(port)))
    lines = control.makefile("rw", newline="\n")

    def answer(text):
        lines.write(text + "\n")
        lines.flush()

    answer(f"{rank} -")
    for line in lines:
        words = line.split()
        if words[0] != "run":
            answer("ready")
            continue
        values = zeros(int(words[1]) // 4)
        for _ in range(2):
            all_reduce(values)
        barrier()
        begin = time.perf_counter()
        for _ in range(int(words[2])):
            all_reduce(values)
        answer(repr((time.perf_counter() - begin) / int(words[2])))
        del values


main()
