"""Draws the t-SNE plane of embeddings and scores how well activities lie apart on it: `stdualx report --tsne` runs this.

Reads lines "SHA256 PATH" of embedding files (experiments/spec/reports.h, Artifact) from standard input, prints one JSON object
from SHA-256 to the Silhouette (scikit-learn's, Euclidean, of the true activities) on the plane. Planes take seconds to minutes, so
scores are kept in the folder given as the only argument, by file hash and VERSION; nothing else is written. A file that is not there
is named on standard error and left out; a file with another hash ends it.
"""
import hashlib
import json
import pathlib
import sys

VERSION = 1  # of all that a score depends on below
MOST_WINDOWS = 5000  # evenly taken: the exact neighbours of more take minutes
SEED = 1


def tensors(data):
    """The safetensors file `data` as arrays."""
    import numpy as np

    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    kinds = {"F32": "<f4", "I64": "<i8"}
    return {
        name: np.frombuffer(data[8 + size :][slice(*entry["data_offsets"])], kinds[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }


def score(data):
    import numpy as np
    from sklearn.manifold import TSNE
    from sklearn.metrics import silhouette_score

    arrays = tensors(data)
    embedding, labels = arrays["embedding"], arrays["labels"]
    if len(labels) > MOST_WINDOWS:
        kept = np.linspace(0, len(labels) - 1, MOST_WINDOWS).round().astype(int)
        embedding, labels = embedding[kept], labels[kept]
    present = len(set(labels.tolist()))
    if not 2 <= present < len(labels):
        return None  # the Silhouette is not defined
    plane = TSNE(perplexity=min(30, (len(labels) - 1) / 3), init="pca", learning_rate="auto", random_state=SEED).fit_transform(embedding)
    return float(silhouette_score(plane, labels))


def main(cache):
    scores = {}
    for line in sys.stdin.read().splitlines():
        sha256, path = line.split(" ", 1)
        kept = cache / f"tsne-{VERSION}-{sha256}.json"
        if kept.exists():
            scores[sha256] = json.loads(kept.read_text())
            continue
        try:
            data = pathlib.Path(path).read_bytes()
        except FileNotFoundError:
            print(f"{path}: the embedding is not there any more; its plane is left out", file=sys.stderr)
            continue
        if hashlib.sha256(data).hexdigest() != sha256:
            sys.exit(f"{path}: its SHA-256 is not the one that the store holds; the file was changed after it was recorded")
        scores[sha256] = score(data)
        cache.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps(scores[sha256]))
        partial.rename(kept)
    json.dump(scores, sys.stdout)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
