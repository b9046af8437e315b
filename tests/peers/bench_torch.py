"""PyTorch eager on one thread, as its tutorials train: a module, cross entropy, Adam, batches by index."""

import sys

import torch

import bench_worker


class Torch:
    portion = 50000  # rows in a call; a step costs the same wherever it stands in an epoch

    def __init__(self, net, batch, x, y, fused):
        torch.manual_seed(1)
        layers = []
        for inputs, outputs in zip(net, net[1:]):
            layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers[:-1])
        self.loss = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, eps=1e-7, fused=fused or None)
        self.x, self.y, self.batch = torch.from_numpy(x), torch.from_numpy(y).long(), batch
        self.order, self.at = None, 0

    def train(self, rows):
        for _ in range(-(-rows // self.batch)):
            if self.order is None or self.at >= len(self.order):
                self.order, self.at = torch.randperm(len(self.x)), 0
            index = self.order[self.at : self.at + self.batch]
            self.at += self.batch
            self.optimizer.zero_grad(set_to_none=True)
            self.loss(self.model(self.x[index]), self.y[index]).backward()
            self.optimizer.step()


torch.set_num_threads(1)
torch.set_num_interop_threads(1)
torch.set_flush_denormal(True)
bench_worker.serve(lambda *what: Torch(*what, fused=sys.argv[1:] == ["fused"]))
