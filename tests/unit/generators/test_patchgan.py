import torch

from gancompress.generators.patchgan import MultiscalePatchGAN, PatchGAN


def test_a_logit_sees_70_by_70_pixels() -> None:
    # Norms would spread every pixel over the whole map, so the field is measured without them.
    module = PatchGAN(width=2, norm_kind="none").double()
    image = torch.randn(1, 3, 142, 142, dtype=torch.float64, requires_grad=True)
    logits, _ = module(image)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    seen = image.grad.abs().sum(dim=(0, 1)) > 0
    assert seen.any(dim=0).sum() == 70
    assert seen.any(dim=1).sum() == 70


def test_the_condition_is_judged_with_the_image() -> None:
    module = PatchGAN(in_channels=6, width=2)
    image, condition = torch.randn(2, 1, 3, 32, 32)
    joined, _ = PatchGAN.forward(module, torch.cat([condition, image], dim=1))
    assert torch.equal(module(image, condition)[0], joined)


def test_every_scale_judges_a_smaller_image() -> None:
    module = MultiscalePatchGAN(scales=3, in_channels=3, width=2)
    logits, features = module(torch.randn(2, 3, 128, 128))
    sides = [features[len(features) // 3 * scale].shape[-1] for scale in range(3)]
    assert sides == [64, 32, 16]
    assert logits.shape[0] == 2


def test_spectral_norm_holds_all_convolutions_but_the_last() -> None:
    torch.manual_seed(0)
    module = MultiscalePatchGAN(in_channels=3, width=4, norm_kind="none", spectral=True)
    image = torch.randn(1, 3, 64, 64)
    before = [maps.detach() for maps in module(image)[1]]
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("weight_orig"):
                parameter.mul_(5)
    after = module(image)[1]
    assert sum("weight_orig" in name for name, _ in module.named_parameters()) == 2 * 4
    # What is divided by its own size does not grow.
    for one, other in zip(before, after, strict=True):
        assert other.abs().mean() < 1.5 * one.abs().mean()
