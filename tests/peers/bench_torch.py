"""PyTorch eager on one thread, as its tutorials train: a module, cross entropy, Adam, batches by index.

bench_torch.py          as it comes
bench_torch.py fused    with the fused Adam
bench_torch.py bits     fake-quantized inputs, kernels, biases and activations, with the types of `nibble bench`
"""

import sys

import torch

import bench_worker


def fake(x, bits, fraction, signed=True):
    """On the grid of fixed<bits, bits - fraction, RND_CONV, SAT>; the gradient passes within the range."""
    lo, hi = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return torch.fake_quantize_per_tensor_affine(x, 2.0**-fraction, 0, lo, hi)


class QuantizedLinear(torch.nn.Linear):
    def forward(self, x):
        return torch.nn.functional.linear(x, fake(self.weight, 6, 5), fake(self.bias, 8, 6))


class QuantizedReLU(torch.nn.Module):
    def forward(self, x):
        return fake(torch.relu(x), 6, 3, signed=False)


class QuantizedInput(torch.nn.Module):
    def forward(self, x):
        return fake(x, 8, 6)


class Torch:
    portion = 50000  # rows in a call; a step costs the same wherever it stands in an epoch

    def __init__(self, net, batch, x, y, fused, quantized):
        torch.manual_seed(1)
        linear, relu = (QuantizedLinear, QuantizedReLU) if quantized else (torch.nn.Linear, torch.nn.ReLU)
        layers = [QuantizedInput()] if quantized else []
        for inputs, outputs in zip(net, net[1:]):
            layers += [linear(inputs, outputs), relu()]
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
bench_worker.serve(lambda *what: Torch(*what, fused="fused" in sys.argv[1:], quantized="bits" in sys.argv[1:]))
