# SPDX-License-Identifier: Apache-2.0
"""Muon (Jordan et al., 2024) for the matrices of the layers.

The momentum of each matrix is brought near to the closest matrix with
orthogonal rows by five Newton-Schulz steps. The update is scaled to the size
that AdamW's usually has (Liu et al., 2025), so both share a learning rate.
"""
import torch

STEPS, A, B, C = 5, 3.4445, -4.7750, 2.0315


def orthogonal(g):
    """g [n, r, c] with r <= c."""
    x = g / (g.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr, momentum=0.95, weight_decay=0.1):
        super().__init__(params, dict(lr=lr, momentum=momentum,
                                      weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes = {}                 # alike matrices go through together
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                state["momentum"].lerp_(p.grad, 1 - group["momentum"])
                update = p.grad.lerp(state["momentum"], group["momentum"])
                wide = update if p.shape[0] <= p.shape[1] else update.mT
                shapes.setdefault(tuple(wide.shape), []).append((p, wide))
            for (rows, cols), pairs in shapes.items():
                updates = orthogonal(torch.stack([u for _, u in pairs]))
                scale = group["lr"] * 0.2 * max(rows, cols) ** 0.5
                for (p, _), u in zip(pairs, updates):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(u if p.shape == u.shape else u.mT, alpha=-scale)
