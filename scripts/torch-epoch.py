"""One epoch of LeNet-5 in PyTorch, for scripts/bench-train: prints the seconds that training on 55,000 images and judging
the 5,000 others took. Usage: torch-epoch.py DATA_FOLDER BATCH THREADS norm|plain"""

import gzip
import pathlib
import sys
import time

import numpy
import torch
from torch import nn


def read(folder, name, header):
    path = pathlib.Path(folder) / name
    raw = path.read_bytes() if path.exists() else gzip.decompress(path.with_name(name + ".gz").read_bytes())
    return numpy.frombuffer(raw, numpy.uint8, offset=header)


def network(norm):
    def normed(layer, rows, kind):
        return [layer, kind(rows)] if norm else [layer]

    return nn.Sequential(
        *normed(nn.Conv2d(1, 20, 5), 20, nn.BatchNorm2d), nn.ReLU(), nn.MaxPool2d(2),
        *normed(nn.Conv2d(20, 50, 5), 50, nn.BatchNorm2d), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        *normed(nn.Linear(800, 500), 500, nn.BatchNorm1d), nn.ReLU(), nn.Dropout(0.4), nn.Linear(500, 10),
    )


def main():
    folder, batch, threads, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    pixels = torch.from_numpy((read(folder, "train-images-idx3-ubyte", 16) >> 1).astype(numpy.float32) / 127)
    images = pixels.reshape(-1, 1, 28, 28)
    labels = torch.from_numpy(read(folder, "train-labels-idx1-ubyte", 8).astype(numpy.int64))
    model = network(kind == "norm")
    optimizer = torch.optim.Adam(model.parameters(), lr=1.5e-3)
    loss_of = nn.CrossEntropyLoss()
    begin = time.monotonic()
    order = torch.randperm(55000)
    model.train()
    for first in range(0, 55000 - batch + 1, batch):
        chosen = order[first : first + batch]
        optimizer.zero_grad(set_to_none=True)
        loss_of(model(images[chosen]), labels[chosen]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        correct = sum(int((model(images[n : n + 500]).argmax(1) == labels[n : n + 500]).sum()) for n in range(55000, 60000, 500))
    print(f"{time.monotonic() - begin:.2f}")
    assert correct > 4500, correct


main()
