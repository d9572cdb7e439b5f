"""The baselines written plainly from their papers with PyTorch's own modules, and the linear classifier's features with NumPy: the
independent reference of tests/model. `Storage` (stdual_x.py) says where the product keeps each number.
"""
import math

import numpy
import torch
from torch import nn


def link_lstm(storage, module, layer, directions):
    for direction, suffix in zip(directions, ("", "_reverse")):
        for theirs, ours in (("weight_ih", "input_weight"), ("weight_hh", "state_weight"), ("bias_ih", "input_bias"), ("bias_hh", "state_bias")):
            storage.link(getattr(module, f"{theirs}_l{layer}{suffix}"), f"lstm.{layer}.{direction}.{ours}", 0)


class DeepConvLstm(nn.Module):
    """Ordonez and Roggen 2016: a window is an image of steps x channels, filters are 5 x 1."""

    def __init__(self, storage, sizes, steps, channels):
        super().__init__()
        maps = [1] + [sizes["filters"]] * sizes["convolutions"]
        self.convolutions = nn.ModuleList(nn.Conv2d(a, b, (sizes["kernel"], 1)) for a, b in zip(maps, maps[1:]))
        for i, convolution in enumerate(self.convolutions):
            storage.link_layer(convolution, f"convolution.{i}", 0)
        self.lstm = nn.LSTM(sizes["filters"] * channels, sizes["width"], sizes["layers"], batch_first=True)
        for layer in range(sizes["layers"]):
            link_lstm(storage, self.lstm, layer, ("forward",))

    def forward(self, x):  # [B, L, N]
        image = x.unsqueeze(1)
        for convolution in self.convolutions:
            image = torch.relu(convolution(image))
        states, _ = self.lstm(image.permute(0, 2, 1, 3).flatten(2))
        return states[:, -1]


class Cnn(nn.Module):
    """Wang, Yan and Oates 2017."""

    def __init__(self, storage, sizes, steps, channels):
        super().__init__()
        maps = [channels, sizes["filters"], 2 * sizes["filters"], sizes["filters"]]
        blocks = []
        for i, width in enumerate((8, 5, 3)):
            convolution, norm = nn.Conv1d(maps[i], maps[i + 1], width, padding="same"), nn.BatchNorm1d(maps[i + 1])
            storage.link_layer(convolution, f"convolution.{i}", 0)
            storage.link_batch_norm(norm, f"convolution.{i}.norm", 0)
            blocks += [convolution, norm, nn.ReLU()]
        self.blocks = nn.Sequential(*blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten())

    def forward(self, x):
        return self.blocks(x.transpose(1, 2))


class BiLstm(nn.Module):
    """Hammerla, Halloran and Plötz 2016: the last state of each direction, as nn.LSTM itself returns them."""

    def __init__(self, storage, sizes, steps, channels):
        super().__init__()
        self.lstm = nn.LSTM(channels, sizes["width"], sizes["layers"], batch_first=True, bidirectional=True)
        for layer in range(sizes["layers"]):
            link_lstm(storage, self.lstm, layer, ("forward", "backward"))

    def forward(self, x):
        _, (last, _) = self.lstm(x)
        return torch.cat([last[-2], last[-1]], 1)


class Transformer(nn.Module):
    """Vaswani et al. 2017, by nn.TransformerEncoderLayer; positions by a loop over the paper's formula."""

    def __init__(self, storage, sizes, steps, channels):
        super().__init__()
        width = sizes["width"]
        self.project = nn.Linear(channels, width)
        storage.link_layer(self.project, "input", 0)
        self.positions = torch.empty(steps, width)
        for step in range(steps):
            for channel in range(width):
                angle = step / 10000 ** (2 * (channel // 2) / width)
                self.positions[step, channel] = math.cos(angle) if channel % 2 else math.sin(angle)
        self.layers = nn.Sequential()
        for i in range(sizes["layers"]):
            layer = nn.TransformerEncoderLayer(width, sizes["heads"], sizes["feedforward"], dropout=0, batch_first=True)
            storage.link(layer.self_attn.in_proj_weight, f"layer.{i}.attention.in_weight", 0)
            storage.link(layer.self_attn.in_proj_bias, f"layer.{i}.attention.in_bias", 0)
            storage.link(layer.self_attn.out_proj.weight, f"layer.{i}.attention.out_weight", 0)
            storage.link(layer.self_attn.out_proj.bias, f"layer.{i}.attention.out_bias", 0)
            for module, name in ((layer.norm1, "attention_norm"), (layer.linear1, "hidden"), (layer.linear2, "output"), (layer.norm2, "output_norm")):
                storage.link_layer(module, f"layer.{i}.{name}", 0)
            self.layers.append(layer)

    def forward(self, x):
        return self.layers(self.project(x) + self.positions).mean(1)


def window_features(windows):
    """[B, L, N] -> [B, N * features]: mean, deviation, log energies of half octaves below the Nyquist frequency; the transform is a sum."""
    count, steps, channels = windows.shape
    bins = range(1, steps // 2 + 1)
    bands = []  # from the Nyquist frequency down
    top = 1.0
    while bins and top * steps / 2 >= 1 - 1e-9:
        inside = [k for k in bins if top / math.sqrt(2) + 1e-9 < 2 * k / steps <= top + 1e-9]
        if inside:
            bands.insert(0, inside)
        top /= math.sqrt(2)
    assert sum(map(len, bands)) == len(bins)
    hann = 0.5 - 0.5 * numpy.cos(2 * numpy.pi * numpy.arange(steps) / steps) if steps > 1 else numpy.ones(1)
    features = []
    for channel in range(channels):
        signal = windows[:, :, channel]
        mean = signal.mean(1, keepdims=True)
        features += [mean[:, 0], signal.std(1)]
        for band in bands:
            waves = numpy.exp(-2j * numpy.pi * numpy.outer(numpy.arange(steps), band) / steps)
            energy = (numpy.abs(((signal - mean) * hann) @ waves) ** 2).sum(1) * 2 / (steps * (hann**2).sum())
            features.append(numpy.log(energy + 1e-5))
    return numpy.stack(features, 1)


class LinearFeatures(nn.Module):
    """Features, standardised by the statistics of all windows seen so far; `buffers` afterwards holds what the product should."""

    def __init__(self, storage, sizes, steps, channels):
        super().__init__()
        self.known = [numpy.array(storage.arrays["features." + name][0], dtype=numpy.float64) for name in ("count", "mean", "variance")]

    def forward(self, x):
        features = window_features(x.detach().numpy())
        count, mean, variance = self.known
        if self.training:
            total = count + len(features)
            new_mean = (count * mean + features.sum(0)) / total
            variance = (count * (variance + (mean - new_mean) ** 2) + ((features - new_mean) ** 2).sum(0)) / total
            count, mean = total, new_mean
        self.known = [count, mean, variance]
        return torch.from_numpy((features - mean) / numpy.sqrt(variance + 1e-5))

    def values(self):
        return {"buffer.features." + name: value[numpy.newaxis] for name, value in zip(("count", "mean", "variance"), self.known)}


EMBEDDERS = {"deep_conv_lstm": DeepConvLstm, "cnn": Cnn, "bi_lstm": BiLstm, "transformer": Transformer, "linear": LinearFeatures}


class Network(nn.Module):
    """windows [B, S, L, C] -> logits, embedding."""

    def __init__(self, storage, config, shape):
        super().__init__()
        self.own = shape["sensor_channels"] or [shape["channels"]] * shape["sensors"]
        self.embed = EMBEDDERS[config["architecture"]](storage, config["baseline"], shape["steps"], sum(self.own))
        classes, width = storage.arrays["classes.weight"].shape[1:]
        self.classify = nn.Linear(width, classes)
        storage.link_layer(self.classify, "classes", 0)

    def forward(self, windows):
        embedding = self.embed(torch.cat([windows[:, s, :, :own] for s, own in enumerate(self.own)], 2))
        return self.classify(embedding), embedding
