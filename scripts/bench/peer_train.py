"""
The peer's training script, as torchrun's documentation has it: load the newest snapshot, train data-parallel over gloo, save a snapshot
every few steps. The model has the size of KaleidoDist's micro job. Every process notes when it began, when its imports were done, when
its group was formed, and every step, by the machine's monotonic clock.
"""
import os
import sys
import time

began = time.monotonic_ns()
notes = open(os.path.join(sys.argv[1], f"{os.getpid()}.steps"), "w", buffering=1)
notes.write(f"began {began}\n")

import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

notes.write(f"imported {time.monotonic_ns()}\n")
torch.set_num_threads(1)
snapshot, save_every, last = os.path.join(sys.argv[1], "snapshot.pt"), 50, int(sys.argv[2])

dist.init_process_group("gloo")
torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Embedding(30522, 32), torch.nn.Linear(32, 512), torch.nn.GELU(), torch.nn.Linear(512, 32))
step = 0
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
if os.path.exists(snapshot):
    saved = torch.load(snapshot)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    step = saved["step"]
ddp = DistributedDataParallel(model)
notes.write(f"formed {time.monotonic_ns()} {dist.get_world_size()}\n")

while step < last:
    words = torch.randint(0, 30522, (256 // dist.get_world_size(), 64))
    optimizer.zero_grad()
    ddp(words).square().mean().backward()
    optimizer.step()
    step += 1
    notes.write(f"step {time.monotonic_ns()} {step} {dist.get_rank()}\n")
    if step % save_every == 0 and dist.get_rank() == 0:
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, snapshot + ".new")
        os.replace(snapshot + ".new", snapshot)
