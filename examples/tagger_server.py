"""A classifier behind HTTP, as a paid tagging service would be: PNG in, 1,000 probabilities out.

    python examples/tagger_server.py squeezenet1_0-imagenet.safetensors --port 8765

The weights are torchvision's ``squeezenet1_0`` in Caffe's preparation (Deep Compression).
"""

import argparse
import io
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision.models import squeezenet1_0

# Blue, green, red.
MEAN = torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)


def load_tagger(weights: Path) -> nn.Module:
    model = squeezenet1_0(weights=None)
    model.load_state_dict(load_file(weights))
    return model.eval()


@torch.no_grad()
def probabilities(model: nn.Module, picture: Image.Image, side: int = 128) -> list[float]:
    resized = picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None].float()
    scores: list[float] = model(pixels.flip(1) - MEAN).softmax(1)[0].tolist()
    return scores


def make_server(model: nn.Module, port: int) -> ThreadingHTTPServer:
    class Tagger(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            scores = probabilities(model, Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]))
            answer = json.dumps({"scores": [round(score, 7) for score in scores]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", port), Tagger)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    torch.set_num_threads(1)
    make_server(load_tagger(options.weights), options.port).serve_forever()
