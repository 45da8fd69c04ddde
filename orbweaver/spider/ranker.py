"""The ranker: one attention block, read at the model token only, and the Plackett-Luce loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Ranker(nn.Module):
    """s_m(episode): one score per PTM, from the sequence [theta_m ; G ; S_m ; e_m] (the paper's Sec. 4, Fig. 2).

    theta_m: learned model token. G: the episode's class means under the general encoder, projected. S_m: those
    under PTM m, by a projection private to m; absent unless m was forwarded. e_m: one more token, from cheap scores of
    m on the episode; likewise absent (our addition). Single-head attention, output layer, residual, LayerNorm; then
    LayerNorm and a linear layer at the model token's place.

    Only the output at the model token is read, so it is the only query: keys and values of G are computed once per
    episode and shared by all PTMs, O(M C d); those of S_m are never computed (`_of_specific`). The softmax over the
    sequence is combined from one softmax per block, by the blocks' log-sum-exps.

    widths: PTM -> D_m, in the order of the scores. evidence: number of scores in e_m, 0 for none.
    replace: where there are S_m, they stand in the place of G (the paper's text), not behind it (its code).
    prompts: learned vectors that tell G, S and e apart. normalise: class means have length 1 before projection.
    facts: how many facts of its card can replace a PTM's model token, 0 for none (our addition).
    """

    def __init__(
        self,
        widths: dict[str, int],
        encoder_width: int,
        width: int,
        evidence: int = 0,
        replace: bool = False,
        prompts: bool = True,
        normalise: bool = True,
        dropout: float = 0.1,
        facts: int = 0,
    ):
        super().__init__()
        self.ptms, self.replace, self.normalise = list(widths), replace, normalise
        self.model_tokens = nn.Parameter(torch.randn(len(widths), width))
        self.general = nn.Linear(encoder_width, width)
        self.specific = nn.ModuleDict({ptm: nn.Linear(d, width) for ptm, d in widths.items()})
        self.evidence = nn.Linear(evidence, width) if evidence else None
        self.shortcut = nn.Linear(evidence, 1, bias=False) if evidence else None
        self.prompts = nn.Parameter(torch.randn(3, width) * 0.02) if prompts else None
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        for layer in (self.query, self.key, self.value):
            nn.init.normal_(layer.weight, std=width**-0.5)
        self.out = nn.Linear(width, width)
        nn.init.xavier_normal_(self.out.weight)
        self.norm, self.head_norm, self.head = nn.LayerNorm(width), nn.LayerNorm(width), nn.Linear(width, 1)
        self.dropout = nn.Dropout(dropout)
        self.from_card = nn.Linear(facts, width) if facts else None
        if self.from_card is not None:
            nn.init.zeros_(self.from_card.weight)  # so an architecture or source unseen in training has no effect

    def tokens_of(self, strangers: Tensor, facts: Tensor) -> Tensor:
        """(M, d): model tokens, those of strangers (M,) from their facts (M, F)."""
        return torch.where(strangers[:, None], self.from_card(facts), self.model_tokens)

    def forward(
        self,
        general: Tensor,
        rows: Tensor,
        forwarded: Tensor | None = None,
        specific: dict[str, tuple[Tensor, Tensor]] | None = None,
        evidence: Tensor | None = None,
        model_tokens: Tensor | None = None,
    ) -> Tensor:
        """Scores (B, M) of B episodes.

        general (R, d_psi): the class means of all episodes under the encoder, one below the other; rows (B, C): which
        row is which class of which episode, R for none. forwarded (B, M): which PTMs were run on which episode; none by
        default. specific: for every PTM that was forwarded on any episode, its class means (R_m, D_m) and their rows
        (B, C_m), R_m throughout where it was not. evidence (B, M, Q): standardised scores of those forwarded.
        model_tokens (M, d): in the place of the learned ones.
        """
        theta = self.model_tokens if model_tokens is None else model_tokens
        query = self.query(theta) * theta.shape[1] ** -0.5  # (M, d)
        tokens = self._prompted(self.general(self._unit(general)), 0)
        tokens = functional.pad(tokens, (0, 0, 0, 1))[rows]  # (B, C, d)
        logits = torch.einsum("md,bcd->bmc", query, self.key(tokens))
        logits = logits.masked_fill((rows == len(general))[:, None], -torch.inf)
        weights = self.dropout(torch.softmax(logits, -1))
        # One (log-sum of logits, values under their softmax) a block: the model token itself, G, S, e.
        own = (query * self.key(theta)).sum(1).expand(len(rows), -1)
        blocks = [(own, self.value(theta)), (logits.logsumexp(-1), weights @ self.value(tokens))]
        shortcut = 0.0
        if specific:
            blocks.append(self._of_specific(query, specific))
            if self.replace:
                blocks[1] = blocks[1][0].masked_fill(blocks[2][0] > -torch.inf, -torch.inf), blocks[1][1]
        if self.evidence is not None and evidence is not None:
            tokens = self._prompted(self.evidence(evidence), 2)
            logits = (query * self.key(tokens)).sum(-1).masked_fill(~forwarded, -torch.inf)
            blocks.append((logits, self.value(tokens)))
            shortcut = self.shortcut(evidence).squeeze(-1) * forwarded
        weights = torch.softmax(torch.stack([sums for sums, _ in blocks]), 0)  # (blocks, B, M)
        context = sum(weight[..., None] * values for weight, (_, values) in zip(weights, blocks, strict=True))
        hidden = self.norm(theta + self.dropout(self.out(context)))
        return self.head(self.head_norm(hidden)).squeeze(-1) + shortcut

    def _of_specific(self, query: Tensor, specific: dict[str, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """The block of S: (B, M), minus infinity where a PTM was not forwarded, and (B, M, d).

        A PTM has one query. So keys need no projection of every class mean: with token W x + b, key K and query q,
        q . K (W x + b) = (W' K' q) . x + q . K b. Nor do values: V sum_c w_c (W x_c + b) = V (W sum_c w_c x_c + b sum_c
        w_c). That is O(B D d + B d^2) a PTM, C times less.
        """
        where = torch.tensor([self.ptms.index(ptm) for ptm in specific], device=query.device)
        queries, sums, tokens = query[where] @ self.key.weight, [], []
        for q, (ptm, (means, rows)) in zip(queries, specific.items(), strict=True):
            layer = self.specific[ptm]
            means, bias = self._unit(means), self._prompted(layer.bias, 1)
            # A finite stand-in keeps an episode without any row free of NaN; its log-sum says that the PTM is absent.
            logits = functional.pad(means @ (q @ layer.weight) + q @ bias, (0, 1), value=-1e9)[rows]
            weights = self.dropout(torch.softmax(logits, -1))
            pooled = torch.einsum("bc,bcd->bd", weights, functional.pad(means, (0, 0, 0, 1))[rows])
            tokens.append(pooled @ layer.weight.T + weights.sum(1, keepdim=True) * bias)
            absent = (rows == len(means)).all(1)
            sums.append(logits.logsumexp(-1).masked_fill(absent, -torch.inf))
        values, shape = self.value(torch.stack(tokens, 1)), (len(tokens[0]), len(self.ptms))
        found = torch.full(shape, -torch.inf, device=query.device).index_copy(1, where, torch.stack(sums, 1))
        return found, torch.zeros(*shape, values.shape[-1], device=query.device).index_copy(1, where, values)

    def _unit(self, means: Tensor) -> Tensor:
        return functional.normalize(means, dim=-1) if self.normalise else means

    def _prompted(self, tokens: Tensor, kind: int) -> Tensor:
        return tokens if self.prompts is None else tokens + self.prompts[kind]


def plackett_luce(scores: Tensor, truth: Tensor) -> Tensor:
    """Mean negative log-likelihood of the true order, per episode and place (the paper's Eq. 3 and 4; ListMLE).

        L_b = 1/(n_b - 1) sum_m [ log sum_{u: y_u <= y_m} exp s_u - s_m ]

    over the n_b PTMs of episode b that have a truth y (others, NaN, take no part). PTMs of equal truth stand in one
    another's denominators, so that their order does not matter (Breslow's form). scores, truth (B, M).
    Episodes with fewer than two such PTMs do not count.
    """
    known = ~truth.isnan()
    value = truth.nan_to_num(0.0)
    below = (value[:, None, :] <= value[:, :, None]) & known[:, None, :]  # [b, m, u]: u in the denominator of m
    below = below | torch.eye(scores.shape[1], dtype=torch.bool, device=scores.device)
    denominators = torch.logsumexp(scores[:, None, :].masked_fill(~below, -torch.inf), -1)
    counts = known.sum(1)
    losses = ((denominators - scores) * known).sum(1) / (counts - 1).clamp(min=1)
    return losses[counts > 1].mean()
