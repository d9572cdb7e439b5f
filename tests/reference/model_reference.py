"""Runs the reference on every case in a folder: NAME.case.safetensors -> NAME.result.safetensors.

A case's tensors are the product's parameters and buffers by name; its metadata hold `model`, `shape` and `training` as JSON,
`mode` (train or eval) and `what`:
  network  windows [R, B, S, L, C], labels [R, B] -> logits, embedding, attention, cross_entropy, triplet, gradients, buffers
  parts    input.PART and upstream.PART (the gradient of its output) -> output.PART, input_gradient.PART, gradients, buffers;
           parts of a sensor take [M, B, ...], the others [R, B, ...]
  baseline windows [1, B, S, L, C], labels [1, B] -> logits, embedding, cross_entropy, gradients, buffers
Everything is computed in float64.
"""
import json
import pathlib
import sys

import numpy
import torch
from torch import nn

import baselines
import safetensors_numpy
import stdual_x


def collected(storage):
    gradients, values = storage.collect()
    output = {"gradient." + name: gradient for name, gradient in gradients.items()}
    output.update({"buffer." + name: value for name, value in values.items() if ".running_" in name})
    return output


def run_parts(arrays, metadata):
    config, shape = (json.loads(metadata[key]) for key in ("model", "shape"))
    storage = stdual_x.Storage(arrays)
    replicas = arrays["input.head"].shape[0]
    networks = [stdual_x.Network(storage, config, shape, replica).train(metadata["mode"] == "train") for replica in range(replicas)]
    sensors = [sensor for network in networks for sensor in network.sensors]
    output = {}
    for name in sorted(key.removeprefix("input.") for key in arrays if key.startswith("input.")):
        given, upstream = (arrays[kind + name].astype(numpy.float64) for kind in ("input.", "upstream."))
        output["output." + name], output["input_gradient." + name] = numpy.zeros(upstream.shape), numpy.zeros(given.shape)
        for leading in range(len(given)):
            owner = sensors[leading] if len(given) == len(sensors) and name in stdual_x.SENSOR_PARTS else networks[leading]
            real = owner.part_channels(name)
            x = torch.from_numpy(given[leading, ..., : real[0]]).requires_grad_()
            y = owner.part(name)(x)
            y.backward(torch.from_numpy(upstream[leading, ..., : real[1]]))
            output["output." + name][leading, ..., : real[1]] = y.detach().numpy()
            output["input_gradient." + name][leading, ..., : real[0]] = x.grad.numpy()
    return output | collected(storage)


def run_network(arrays, metadata):
    config, shape, training = (json.loads(metadata[key]) for key in ("model", "shape", "training"))
    windows = torch.from_numpy(numpy.array(arrays["windows"])).to(torch.get_default_dtype())
    labels = torch.from_numpy(numpy.array(arrays["labels"]))
    storage = stdual_x.Storage({name: array for name, array in arrays.items() if name not in ("windows", "labels")})
    cross_entropy = nn.CrossEntropyLoss(label_smoothing=training["label_smoothing"])
    results = {name: [] for name in ("logits", "embedding", "attention", "cross_entropy", "triplet")}
    total = 0
    for replica in range(len(windows)):
        network = stdual_x.Network(storage, config, shape, replica)
        network.train(metadata["mode"] == "train")
        logits, embedding, weights = network(windows[replica])
        terms = cross_entropy(logits, labels[replica]), stdual_x.triplet(embedding, labels[replica].tolist(), training["triplet_margin"])
        total = total + terms[0] + training["triplet_weight"] * terms[1]
        for name, value in zip(results, (logits, embedding, weights, *terms)):
            if value is not None:
                results[name].append(value.detach().numpy())
    total.backward()
    return {name: numpy.stack(values) for name, values in results.items() if values} | collected(storage)


def run_baseline(arrays, metadata):
    config, shape, training = (json.loads(metadata[key]) for key in ("model", "shape", "training"))
    windows, labels = (torch.from_numpy(numpy.array(arrays[name][0])) for name in ("windows", "labels"))
    storage = stdual_x.Storage({name: array for name, array in arrays.items() if name not in ("windows", "labels")})
    network = baselines.Network(storage, config, shape).train(metadata["mode"] == "train")
    logits, embedding = network(windows.to(torch.get_default_dtype()))
    loss = nn.CrossEntropyLoss(label_smoothing=training["label_smoothing"])(logits, labels)
    loss.backward()
    results = {"logits": logits, "embedding": embedding, "cross_entropy": loss}
    output = {name: value.detach().numpy()[numpy.newaxis] for name, value in results.items()} | collected(storage)
    return output | (network.embed.values() if config["architecture"] == "linear" else {})


def main():
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.case.safetensors")):
        arrays, metadata = safetensors_numpy.read(path)
        output = {"network": run_network, "parts": run_parts, "baseline": run_baseline}[metadata["what"]](arrays, metadata)
        safetensors_numpy.write(str(path).replace(".case.", ".result."), output)


if __name__ == "__main__":
    main()
