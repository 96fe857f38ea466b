"""The kernels of attention give what PyTorch computes in float64, on every GPU that there is."""

from __future__ import annotations

from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")

if not torch.cuda.is_available():
    pytest.skip("needs an NVIDIA GPU", allow_module_level=True)

from vmevalkit.models.diffusers.attention_kernels import ATTENTION, attend_into  # noqa: E402

BF16, FP8 = torch.bfloat16, torch.float8_e4m3fn


def parts(
    batch: int, tokens: int, heads: int, dtype: Any = BF16, spread: float = 0.4, width: int = 64
) -> tuple[Any, Any, Any]:
    """Queries, keys and values as one tensor holds them beside each other."""
    torch.manual_seed(tokens)
    qkv = torch.randn(batch, tokens, 3, heads, width, device="cuda")
    q, k = ((spread * qkv[:, :, :2]).to(dtype)).unbind(2)
    return q, k, qkv.to(BF16)[:, :, 2]


def expected(q: Any, k: Any, v: Any) -> Any:
    q, k, v = (part.double().transpose(1, 2) for part in (q, k, v))
    return (torch.softmax(q @ k.mT * torch.tensor(2.0, dtype=torch.float64).log(), dim=-1) @ v).transpose(1, 2)


def error(found: Any, wanted: Any) -> float:
    return float((found.double() - wanted).norm() / wanted.norm())


def attend(name: str, *qkv: Any) -> Any:
    major = torch.cuda.get_device_capability()[0]
    if major < 8 or (name in ("hopper", "fa3") and major != 9):
        pytest.skip(f"{name} is not for this GPU")
    if name == "fa3":
        pytest.importorskip("fa3_fwd_interface")
    return ATTENTION[name](*qkv)


# Less than a tile, its edges, no multiple of anything, more than the tiles under way.
@pytest.mark.parametrize("tokens", [5, 64, 65, 256, 257, 1000, 1601])
@pytest.mark.parametrize(("batch", "heads"), [(1, 1), (2, 3)])
@pytest.mark.parametrize("width", [64, 128])
@pytest.mark.parametrize("name", ATTENTION)
def test_each_kernel_is_attention(name: str, width: int, batch: int, heads: int, tokens: int) -> None:
    q, k, v = parts(batch, tokens, heads, width=width)
    found = attend(name, q, k, v)
    assert found.shape == v.shape
    assert error(found, expected(q, k, v)) < 4e-3
    assert torch.equal(found, attend(name, q, k, v))


@pytest.mark.parametrize("others", [5, 257, 512])
@pytest.mark.parametrize("width", [64, 128])
@pytest.mark.parametrize("name", ATTENTION)
def test_keys_may_have_another_number_and_results_are_added(name: str, width: int, others: int) -> None:
    q, _, before = parts(2, 300, 3, width=width)
    _, k, v = parts(2, others, 3, width=width)
    attend(name, q, k, v)
    before = before.contiguous()
    wanted = before.double() + expected(q, k, v)
    assert error(attend_into(name, q, k, v, before), wanted) < 5e-3


@pytest.mark.parametrize("tokens", [65, 1000])
def test_queries_and_keys_in_float8(tokens: int) -> None:
    q, k, v = parts(2, tokens, 3, FP8)
    assert error(attend("hopper", q, k, v), expected(q, k, v)) < 4e-3


# Products far beyond what 2^x can hold, either way, in all rows and in some.
@pytest.mark.parametrize(("dtype", "width"), [(BF16, 64), (FP8, 64), (BF16, 128)])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("rows", [slice(None), slice(100, 103)])
def test_weights_out_of_range_are_computed_again(rows: slice, sign: int, dtype: Any, width: int) -> None:
    q, k, v = parts(2, 700, 3, BF16, width=width)
    one = torch.ones(width, device="cuda", dtype=BF16)
    q[:, rows] = sign * 2.5 * one
    k += 2 * one
    q, k = q.to(dtype), k.to(dtype)
    found = attend("hopper", q, k, v)
    assert torch.isfinite(found).all()
    assert error(found, expected(q, k, v)) < 5e-3
