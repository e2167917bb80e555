import json
import shutil
from pathlib import Path

import pytest
from tiny_models import tiny_backbone, tiny_tokenizer

from prmkit.config import ModelConfig
from prmkit.errors import ModelError
from prmkit.generators.load import check_config, check_model, load_generator, resolve_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_backbone(tmp_path_factory.mktemp("whole"))


def test_a_directory_is_its_own_name(whole: Path) -> None:
    assert resolve_model(str(whole)) == whole
    assert check_model(str(whole)) == whole


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(ModelError, match="'synthetic:nobody' does not ship; allowed: "):
        resolve_model("synthetic:nobody")
    with pytest.raises(ModelError, match="no such directory"):
        resolve_model("nowhere/at/all")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(whole: Path, tmp_path: Path, name: str) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(whole, broken)
    (broken / name).unlink()
    with pytest.raises(ModelError, match=name.removeprefix("model")):
        check_model(str(broken))


def test_no_chat_template_is_an_error_before_weights_are_read(tmp_path: Path) -> None:
    tiny_backbone(tmp_path, tiny_tokenizer(template=None))
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="no chat template"):
        load_generator(str(tmp_path))


def test_a_generator_is_loaded(whole: Path) -> None:
    generator = load_generator(str(whole), batch_size=4)
    assert generator.model_id.startswith(f"{whole.name}@")
    assert generator.collect() == []


def test_a_token_limit_that_leaves_no_room_for_a_prompt_is_refused_before_loading(
    whole: Path,
) -> None:
    context = json.loads((whole / "config.json").read_text())["max_position_embeddings"]

    def asking(n: int) -> ModelConfig:
        return ModelConfig.model_validate({"model": str(whole), "sampling": {"max_new_tokens": n}})

    check_config(asking(context - 1))
    with pytest.raises(ModelError, match=f"max_new_tokens = {context}; allowed: less than the"):
        check_config(asking(context))
