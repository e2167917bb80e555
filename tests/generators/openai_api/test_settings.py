import pytest
from pydantic import ValidationError

from prmkit.config import ModelConfig


def addresses(*urls: str) -> tuple[str, ...]:
    return ModelConfig(model="m", base_url=urls).base_url


def refusal(**settings: object) -> str:
    with pytest.raises(ValidationError) as caught:
        ModelConfig.model_validate({"model": "m"} | settings)
    return str(caught.value)


def test_one_address_or_several_are_read_from_a_recipe() -> None:
    one = ModelConfig.model_validate_json(
        '{"model": "m", "base_url": "http://a:8000"}', strict=True
    )
    assert one.base_url == ("http://a:8000/v1",)
    text = '{"model": "m", "base_url": ["http://a:1/v1/", "https://b/api/v2"]}'
    two = ModelConfig.model_validate_json(text, strict=True)
    assert two.base_url == ("http://a:1/v1", "https://b/api/v2")
    assert ModelConfig.model_validate_json(two.model_dump_json(), strict=True) == two


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://a/v1", "http://", "http://a:x/v1", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    assert "base_url" in refusal(base_url=url)


def test_a_secret_in_an_address_is_refused_without_showing_it() -> None:
    for url in ("http://me:secret@a/v1", "http://a/v1?key=secret"):
        found = refusal(base_url=url)
        assert "a key goes by api_key_env" in found


def test_a_server_named_twice_is_refused() -> None:
    assert "named twice" in refusal(base_url=["http://a", "http://a/v1"])


def test_settings_about_servers_need_one() -> None:
    assert "tokenizer needs base_url" in refusal(tokenizer="dir")
    assert "api_key_env needs base_url" in refusal(api_key_env="KEY")
    assert ModelConfig(model="m", timeout_s=600.0).timeout_s == 600.0


def test_a_key_itself_is_no_name_of_a_variable() -> None:
    assert "api_key_env" in refusal(base_url="http://a", api_key_env="sk-123")
