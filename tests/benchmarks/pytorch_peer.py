"""A training step of STDual-X in plain PyTorch on cores, as a peer of our own: windows a second, or the latency of one window.

  pytorch_peer.py FORM RECIPE SHAPE THREADS [SECONDS]      FORM: by_sensor, stacked, compiled; latency_stacked, latency_compiled; peak, check

by_sensor is the independent reference of tests/model: a module for each sensor, one after the other, as published code has it. stacked computes
all sensors in one batched operation each. compiled is stacked behind torch.compile. The steps have the loss of ours (cross-entropy and batch-hard
triplets), clipping and AdamW(fused=True), and leave out what ours has beside: reading and augmenting windows, dropout, weight averages.
`check` compares the two forms with each other; `peak` is the core's: GFLOP/s of a product of 1024 x 1024 matrices, and a window's MFLOP.
"""
import json
import pathlib
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import stdual_x  # noqa: E402

SHAPES = {"uci_har": {"sensors": 3, "steps": 128, "channels": 3, "classes": 6, "sensor_channels": None},
          "dsads": {"sensors": 5, "steps": 125, "channels": 9, "classes": 19, "sensor_channels": None}}
DEFAULT = {"asinh_knee": 0.02, "stem_layers": 2, "stem_channels": 32, "stem_kernel": 5, "stem_stride": 2, "stdat": True, "stdat_layers": 2,
           "temporal_heads": 2, "channel_heads": 2, "temporal_attention": True, "channel_attention": True, "convolution": True, "convolution_units": 1,
           "position": True, "gaussians": 20, "vector_hidden": 256, "sensor_width": 64, "cross_sensor_attention": True, "cross_sensor_heads": 4,
           "attend_self": False, "embedding": 128}
FAITHFUL = DEFAULT | {"asinh_knee": 0, "stem_layers": 0, "stdat_layers": 5, "temporal_heads": 3, "channel_heads": 8, "vector_hidden": 65536}
BATCH = 64
MARGIN, TRIPLET_WEIGHT, SMOOTHING = 0.3, 0.1, 0.0


def config_of(recipe, shape):
    config = dict({"default": DEFAULT, "faithful": FAITHFUL}[recipe])
    if recipe == "faithful" and shape == "dsads":
        config["channel_heads"] = 5  # 8 do not divide 125 steps
    return config


class FirstValues:
    """In place of the tests' storage: modules keep PyTorch's own first values."""

    def link(self, parameter, *_):
        if not isinstance(parameter, nn.Parameter) or parameter.dim() == 0:
            return
        with torch.no_grad():
            parameter.uniform_(-0.1, 0.1)

    def link_layer(self, *_):
        pass

    link_batch_norm = link_layer


def by_sensor(config, shape):
    network = stdual_x.Network(FirstValues(), config, shape, 0)
    for module in network.modules():
        if isinstance(module, stdual_x.Position):
            with torch.no_grad():
                module.mean.copy_(torch.linspace(0, shape["steps"], config["gaussians"]))
                module.log_sigma.fill_(2)
    return network


class Stacked(nn.Module):
    """The same network with the sensors' parameters stacked: [sensors, ...]. Made from one of the other form, with its values."""

    def __init__(self, network):
        super().__init__()
        self.config, self.sensors = network.config, len(network.sensors)
        self.cross, self.norm, self.embed, self.classify = network.cross, network.norm, network.embed, network.classify
        sensors = network.sensors
        self.stem = nn.ModuleList()
        for i in range(0, len(sensors[0].stem), 3):
            self.stem.append(self.grouped(nn.Conv1d, [sensor.stem[i] for sensor in sensors]))
            self.stem.append(self.joined_norm(nn.BatchNorm1d, [sensor.stem[i + 1] for sensor in sensors]))
        self.position = nn.ParameterDict({name: self.stacked(getattr(sensor.position, name) for sensor in sensors) for name in ("mean", "log_sigma", "embedding")})
        self.stdat = nn.ModuleList()
        for layers in zip(*(sensor.stdat for sensor in sensors)):
            module = nn.Module()
            for name in ("temporal", "channel"):
                attention = nn.Module()
                parts = [getattr(layer, name) for layer in layers]
                attention.heads = parts[0].num_heads
                attention.in_weight = self.stacked(part.in_proj_weight.t() for part in parts)
                attention.in_bias = self.stacked(part.in_proj_bias.unsqueeze(0) for part in parts)
                attention.out_weight = self.stacked(part.out_proj.weight.t() for part in parts)
                attention.out_bias = self.stacked(part.out_proj.bias.unsqueeze(0) for part in parts)
                setattr(module, name, attention)
            for name in ("attention_norm", "convolution_norm"):
                norm = nn.Module()
                norm.weight = self.stacked(getattr(layer, name).weight.view(1, 1, -1) for layer in layers)
                norm.bias = self.stacked(getattr(layer, name).bias.view(1, 1, -1) for layer in layers)
                setattr(module, name, norm)
            module.stages = nn.ModuleList()
            for i in range(0, 9, 3):
                module.stages.append(self.grouped(nn.Conv2d, [layer.convolution[i] for layer in layers]))
                module.stages.append(self.joined_norm(nn.BatchNorm2d, [layer.convolution[i + 1] for layer in layers]))
            self.stdat.append(module)
        for name in ("hidden", "output"):
            setattr(self, name + "_weight", self.stacked(getattr(sensor, name).weight.t() for sensor in sensors))
            setattr(self, name + "_bias", self.stacked(getattr(sensor, name).bias.unsqueeze(0) for sensor in sensors))

    @staticmethod
    def stacked(parameters):
        return nn.Parameter(torch.stack([parameter.detach().clone() for parameter in parameters]).contiguous())

    @staticmethod
    def grouped(kind, parts):
        first = parts[0]
        module = kind(first.in_channels * len(parts), first.out_channels * len(parts), first.kernel_size, first.stride, first.padding, groups=len(parts))
        with torch.no_grad():
            module.weight.copy_(torch.cat([part.weight for part in parts]))
            module.bias.copy_(torch.cat([part.bias for part in parts]))
        return module

    @staticmethod
    def joined_norm(kind, parts):
        module = kind(sum(part.num_features for part in parts))
        with torch.no_grad():
            module.weight.copy_(torch.cat([part.weight for part in parts]))
            module.bias.copy_(torch.cat([part.bias for part in parts]))
        return module

    @staticmethod
    def attend(attention, x):  # [S, B, tokens, width]
        sensors, batch, tokens, width = x.shape
        joined = torch.baddbmm(attention.in_bias, x.reshape(sensors, batch * tokens, width), attention.in_weight)
        query, key, value = joined.view(sensors * batch, tokens, 3, attention.heads, -1).permute(2, 0, 3, 1, 4)
        heads = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(sensors, batch * tokens, width)
        return torch.baddbmm(attention.out_bias, heads, attention.out_weight).view(sensors, batch, tokens, width)

    @staticmethod
    def layer_norm(norm, x):
        return functional.layer_norm(x, x.shape[-1:]) * norm.weight + norm.bias

    def forward(self, windows):  # [B, S, L, C]
        batch, sensors = windows.shape[:2]
        x = windows
        if self.config["asinh_knee"] > 0:
            x = torch.cat([x, torch.asinh((x - x.mean(2, keepdim=True)) / self.config["asinh_knee"]) / 3], 3)
        if len(self.stem):
            x = x.transpose(2, 3).flatten(1, 2)  # [B, S * C, L]
            for i in range(0, len(self.stem), 2):
                x = functional.gelu(self.stem[i + 1](self.stem[i](x)))
            x = x.unflatten(1, (sensors, -1)).transpose(2, 3)
        x = x.transpose(0, 1)  # [S, B, L, C]
        position = self.position
        steps = torch.arange(x.shape[2], dtype=x.dtype).view(1, -1, 1)
        sigma = torch.exp(position["log_sigma"]).unsqueeze(1)
        weight = torch.softmax(-((steps - position["mean"].unsqueeze(1)) ** 2) / (2 * sigma**2) - torch.log(sigma), 2)
        x = x + torch.bmm(weight, position["embedding"]).unsqueeze(1)
        for layer in self.stdat:
            total = x + self.attend(layer.temporal, x) + self.attend(layer.channel, x.transpose(2, 3)).transpose(2, 3)
            total = self.layer_norm(layer.attention_norm, total)
            image = total.transpose(0, 1)  # [B, S, L, C]: a plane a sensor
            for i in range(0, 6, 2):
                image = torch.relu(layer.stages[i + 1](layer.stages[i](image)))
            x = self.layer_norm(layer.convolution_norm, total + image.transpose(0, 1))
        hidden = torch.relu(torch.baddbmm(self.hidden_bias, x.flatten(2), self.hidden_weight))
        z = torch.relu(torch.baddbmm(self.output_bias, hidden, self.output_weight)).transpose(0, 1)
        attended, _ = self.cross(z, z, z, attn_mask=torch.eye(sensors, dtype=torch.bool), need_weights=False)
        embedding = functional.gelu(self.embed(self.norm(z + attended).flatten(1)))
        return self.classify(embedding), embedding


def loss(logits, embedding, labels):
    """Cross-entropy and batch-hard triplets of all anchors at once."""
    unit = functional.normalize(embedding, dim=1)
    distance = torch.sqrt(torch.clamp(2 - 2 * unit @ unit.t(), min=1e-12))
    same = labels.unsqueeze(0) == labels.unsqueeze(1)
    farthest = distance.masked_fill(~same, 0).amax(1)
    nearest = distance.masked_fill(same, 9).amin(1)
    return functional.cross_entropy(logits, labels, label_smoothing=SMOOTHING) + TRIPLET_WEIGHT * torch.relu(MARGIN + farthest - nearest).mean()


def network_of(form, config, shape):
    network = by_sensor(config, shape)
    if form != "by_sensor":
        network = Stacked(network)
    return torch.compile(network) if form == "compiled" else network


def windows_and_labels(shape):
    return (torch.randn(BATCH, shape["sensors"], shape["steps"], shape["channels"]), torch.arange(BATCH) % shape["classes"])


def windows_a_second(form, config, shape, seconds):
    network = network_of(form, config, shape)
    windows, labels = windows_and_labels(shape)
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(*network(windows)[:2], labels).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    for _ in range(3):
        step()
    steps, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        steps += 1
    return {"windows_a_second": BATCH * steps / (time.perf_counter() - start), "parameters": sum(parameter.numel() for parameter in parameters)}


def latency(form, config, shape, seconds):
    network = network_of(form, config, shape).eval()
    window = torch.randn(1, shape["sensors"], shape["steps"], shape["channels"])
    times = []
    with torch.inference_mode():
        for _ in range(20):
            network(window)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.perf_counter()
            network(window)
            times.append(time.perf_counter() - start)
    times.sort()
    return {"median_ms": 1e3 * times[len(times) // 2], "p99_ms": 1e3 * times[len(times) * 99 // 100],
            "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3}


def peak(config, shape):
    from torch.utils.flop_counter import FlopCounterMode
    network = Stacked(by_sensor(config, shape))
    windows, labels = windows_and_labels(shape)
    with FlopCounterMode(display=False) as counter, nn.attention.sdpa_kernel(nn.attention.SDPBackend.MATH):
        loss(*network(windows), labels).backward()
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = 1e9
    for _ in range(40):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    return {"gflops": 2 * 1024**3 / best / 1e9, "window_mflop": counter.get_total_flops() / BATCH / 1e6}


def check(config, shape):
    one = by_sensor(config, shape)
    other = Stacked(one)
    assert sum(p.numel() for p in one.parameters()) == sum(p.numel() for p in other.parameters())
    windows, labels = windows_and_labels(shape)
    a, b = one(windows), other(windows)
    difference = max(((x - y).norm() / x.norm()).item() for x, y in zip(a[:2], b))
    assert difference < 1e-5, f"the two forms differ by {difference}"
    return {"difference": difference, "parameters": sum(p.numel() for p in other.parameters())}


def main():
    form, recipe, shape_name, threads = sys.argv[1:5]
    seconds = float(sys.argv[5]) if len(sys.argv) > 5 else 3
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    config, shape = config_of(recipe, shape_name), SHAPES[shape_name]
    if form in ("check", "peak"):
        result = {"check": check, "peak": peak}[form](config, shape)
    elif form.startswith("latency_"):
        result = latency(form.removeprefix("latency_"), config, shape, seconds)
    else:
        result = windows_a_second(form, config, shape, seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
