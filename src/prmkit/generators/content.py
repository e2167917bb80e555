"""What a model's directory holds, as one word: two models never share a journal key."""

import hashlib
from pathlib import Path


def content_hash(directory: Path) -> str:
    """First 16 hex digits of the SHA-256 of everything that decides a completion."""
    digest = hashlib.sha256()
    for path in sorted(directory.iterdir()):
        if path.suffix in {".json", ".jinja", ".safetensors", ".txt", ".model"}:
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
