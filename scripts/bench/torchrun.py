"""torchrun of Debian's torch 1.13 on Python 3.11, whose flags no longer list combined members: two functions of it are mended here."""
from torch.distributed.elastic.multiprocessing import api
from torch.distributed.elastic.multiprocessing.api import Std


def from_str(text):
    if ":" in text:
        return {int(rank): Std(int(value)) for rank, value in (pair.split(":") for pair in text.split(","))}
    return Std(int(text))


def to_map(value_or_map, local_world_size):
    if isinstance(value_or_map, Std):
        return {rank: value_or_map for rank in range(local_world_size)}
    return {rank: value_or_map.get(rank, Std.NONE) for rank in range(local_world_size)}


Std.from_str = staticmethod(from_str)
api.to_map = to_map

if __name__ == "__main__":
    from torch.distributed.run import main
    main()
