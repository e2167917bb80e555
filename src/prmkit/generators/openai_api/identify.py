"""Which program serves, which models, and whether its tokenizer is the given one."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from prmkit.errors import ModelError
from prmkit.generators.openai_api.finding import Kind
from prmkit.generators.openai_api.replies import HttpReply, server_words, shown
from prmkit.generators.openai_api.talk import Talk, json_or_empty
from prmkit.generators.text_side import TextSide

_OWNERS: Mapping[str, Kind] = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp"}
"""`owned_by` of a listed model."""
_MOST_NAMED = 10
PROBE_TEXT = (
    "Natalia sold 48/2 = 24 clips, 1234567.89 % of \\frac{3}{4}\\times x^2.\n\n"
    "  Step 2:\tSo it is \\boxed{42}; \u7b54\u6848\u662f\u56db\u5341\u4e8c\u3002 "
    "na\u00efve caf\u00e9"
)
"""Digits, LaTeX, white space and other scripts: where tokenizers differ."""


class Identity(NamedTuple):
    """What a server says of itself."""

    kind: Kind
    version: str
    root: str
    context: int | None


def identify(talk: Talk, model: str) -> Identity:
    """Find out what serves.

    Raises:
        ModelError: no connection, a refused key, or the model is not among those listed.
    """
    if _is_transformers(talk):  # it lists the hub's cache, whatever it serves, or fails to
        return Identity("transformers", "", "", None)
    listing = talk.get("/models")
    if listing.status in (401, 403):
        words = server_words(listing.content)
        raise ModelError(f"{talk.base_url} refuses access: {words}; see api_key_env")
    models = _models(listing)
    if models and model not in models:
        named = ", ".join(shown(name) for name in list(models)[:_MOST_NAMED])
        raise ModelError(f"{talk.base_url} does not serve {model!r}; it serves: {named}")
    return _describe(talk, _kind(models), models.get(model, {}))


def check_tokenizer(talk: Talk, kind: Kind, model: str, side: TextSide) -> bool:
    """Whether the server's token ids were compared with ours.

    Raises:
        ModelError: they differ.
    """
    fields: dict[str, Any] = {"model": model, "prompt": PROBE_TEXT, "add_special_tokens": False}
    if kind == "llama.cpp":
        fields = {"content": PROBE_TEXT, "add_special": False, "parse_special": True}
    if kind not in ("vllm", "sglang", "llama.cpp"):
        return False
    theirs = talk.post_root("/tokenize", fields).get("tokens")
    if not isinstance(theirs, list):
        return False
    ours = side.tokenizer(PROBE_TEXT, add_special_tokens=False)["input_ids"]
    if theirs == ours:
        return True
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), -1)
    where = f", different from token {at} on" if at >= 0 else ""
    raise ModelError(
        f"{talk.base_url} has another tokenizer than the one given: of a text of {len(ours)} "
        f"tokens it makes {len(theirs)}{where}"
    )


def _models(listing: HttpReply) -> dict[str, dict[str, Any]]:
    """Listed models by name; empty where the server cannot list them."""
    entries = json_or_empty(listing).get("data")
    if not isinstance(entries, list):
        return {}
    return {str(e["id"]): e for e in entries if isinstance(e, dict) and "id" in e}


def load_failure(talk: Talk, model: str) -> str:
    """Why `transformers serve` cannot load a model, in its words; empty if it can or will not say.

    It loads a model when a request names it, and then fails without a word.
    """
    events = talk.events_root("/load_model", {"model": model})
    said = [event.get("message") for event in events if event.get("status") == "error"]
    return shown(str(said[-1])) if said else ""


def _is_transformers(talk: Talk) -> bool:
    paths = talk.get_root("/openapi.json").get("paths")
    return isinstance(paths, dict) and {"/load_model", "/reset"} <= paths.keys()


def _kind(models: Mapping[str, Mapping[str, Any]]) -> Kind:
    owners = {str(entry.get("owned_by")) for entry in models.values()}
    return next((kind for owner, kind in _OWNERS.items() if owner in owners), "other")


def _describe(talk: Talk, kind: Kind, entry: Mapping[str, Any]) -> Identity:
    context = entry.get("max_model_len")
    version, root = "", str(entry.get("root") or "")
    if kind == "vllm":
        version = str(talk.get_root("/version").get("version") or "")
    elif kind == "sglang":
        said = talk.get_root("/server_info") or talk.get_root("/get_server_info")
        version = str(said.get("version") or "")
    elif kind == "llama.cpp":
        said = talk.get_root("/props")
        version, root = str(said.get("build_info") or ""), str(said.get("model_path") or "")
        settings = said.get("default_generation_settings")
        context = settings.get("n_ctx") if isinstance(settings, dict) else None
    is_known = type(context) is int and context > 0
    return Identity(kind, shown(version), shown(root), context if is_known else None)
