"""Many simulated experiments through the rule's own functions, and the tables of `docs/statistics.md`.

Run `python tests/stats/simulate_rule.py` (about 80 CPU-seconds) to print every table of that page again. The world: bits
per byte of a model on an item are a mean, plus what its arm adds, plus noise of the seed (shared by arms), of the run (arm x
seed), of the cluster and the item (arm x cluster, arm x item: shared by seeds), and of the single answer (arm x seed x item).
`test_rule_rates.py` holds that this batched path gives the same verdicts as `decide(compare(...))`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis.stats.compare import Domain
from tamis.stats.decide import equivalence_p
from tamis.stats.noise import Floats, bootstrap_variance, half_width, holm, p_value, pool_items, resampled, run_mean_square
from tamis.stats.power import claims, power

ALPHA = 0.05
CHUNK = 250


@dataclass(frozen=True)
class World:
    """`effects`: what each arm adds; `run`: SD of the run noise, one number for all arms or one per arm; `cluster`, `item`,
    `answer`: SDs of the other noises. `clusters` per domain hold `size` items each."""

    effects: tuple[float, ...] = (0.0, 0.0, 0.0)
    seeds: int = 3
    run: float | tuple[float, ...] = 0.03
    cluster: float = 0.02
    item: float = 0.05
    answer: float = 0.02
    domains: int = 2
    clusters: int = 15
    size: int = 4

    def v_items(self) -> float:
        """True item variance of a pair's difference: weights are equal in expectation, so this is close, not exact."""
        per_domain = 2 * (self.cluster**2 + self.item**2 * 1.02 / self.size) / self.clusters
        return per_domain / self.domains

    def answers(self) -> float:
        """Variance the single answers add to one run's metric."""
        return self.answer**2 / (self.clusters * self.size * self.domains)


@dataclass(frozen=True)
class Outcome:
    """What the rule computed: every array is (experiments, pairs); `claimed` by Holm at 5 %."""

    difference: Floats
    v_items: Floats
    df_items: Floats
    v_run: Floats
    df_run: int
    per_seed: Floats  # (experiments, pairs, seeds)

    @property
    def p(self) -> Floats:
        return p_value(self.difference, self.v_items, self.df_items, self.v_run, self.df_run)

    @property
    def claimed(self) -> NDArray[np.bool_]:
        return holm(self.p) <= ALPHA


def draw(world: World, experiments: int, seed: int) -> Iterator[list[tuple[Floats, Floats, NDArray[np.int64]]]]:
    """Chunks of experiments, each a list of domains: value (experiments, arms, seeds, items), weight and cluster (items,)."""
    rng = np.random.default_rng(seed)
    arms, items = len(world.effects), world.clusters * world.size
    cluster = np.repeat(np.arange(world.clusters), world.size)
    spread = np.broadcast_to(np.asarray(world.run, dtype=np.float64), arms)[None, :, None, None]
    for start in range(0, experiments, CHUNK):
        count = min(CHUNK, experiments - start)
        mean = 2.5 + np.array(world.effects)[None, :, None, None]
        mean = mean + 0.05 * rng.standard_normal((count, 1, world.seeds, 1))
        mean = mean + spread * rng.standard_normal((count, arms, world.seeds, 1))
        domains = []
        for _ in range(world.domains):
            weight = rng.integers(850, 1150, items).astype(np.float64)
            noise = world.cluster * rng.standard_normal((count, arms, 1, world.clusters))[..., cluster]
            noise = noise + world.item * rng.standard_normal((count, arms, 1, items))
            noise = noise + world.answer * rng.standard_normal((count, arms, world.seeds, items))
            domains.append(((mean + noise) * weight, weight, cluster))
        yield domains


def rule(domains: list[tuple[Floats, Floats, NDArray[np.int64]]], bootstrap: int = 2000) -> Outcome:
    """The rule's numbers for a chunk of experiments."""
    count, arms, seeds, _ = domains[0][0].shape
    pairs = list(combinations(range(arms), 2))
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    variances, scores = [], []
    for index, (value, weight, cluster) in enumerate(domains):
        rows = value.mean(axis=2).reshape(count * arms, -1)
        replicas = resampled(rows, weight, cluster, f"domain {index}", bootstrap, 0).reshape(bootstrap, count, arms)
        variances.append(bootstrap_variance(replicas[:, :, second] - replicas[:, :, first], len(np.unique(cluster))))
        scores.append(value.sum(-1) / weight.sum())
    metric = np.mean(scores, axis=0)
    v_items, df_items = pool_items(np.array(variances), np.array([len(np.unique(c)) - 1.0 for _, _, c in domains]))
    per_seed = metric[:, second] - metric[:, first]
    v_run = np.broadcast_to(2 * run_mean_square(metric)[:, None] / seeds, v_items.shape)
    return Outcome(per_seed.mean(-1), v_items, df_items, v_run, (arms - 1) * (seeds - 1), per_seed)


def simulate(world: World, experiments: int = 2000, seed: int = 1, bootstrap: int = 2000) -> Outcome:
    parts = [rule(domains, bootstrap) for domains in draw(world, experiments, seed)]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("difference", "v_items", "df_items", "v_run", "per_seed")
    }
    return Outcome(df_run=parts[0].df_run, **joined)


def as_domains(chunk: list[tuple[Floats, Floats, NDArray[np.int64]]], experiment: int) -> list[Domain]:
    """One experiment of a chunk, as a user would hand it in."""
    return [
        Domain(f"domain {index}", "bits per byte", False, cluster, weight, value[experiment])
        for index, (value, weight, cluster) in enumerate(chunk)
    ]


def items_only(outcome: Outcome) -> Floats:
    """Any claim of a bootstrap over items alone, Holm over pairs: what the default rule refuses to be."""
    return (holm(p_value(outcome.difference, outcome.v_items, outcome.df_items, 0.0, 1.0)) <= ALPHA).any(-1)


def seeds_resampled(outcome: Outcome) -> Floats:
    """Any claim of a percentile bootstrap over seeds (all k^k resamples), Bonferroni over pairs."""
    pairs, seeds = outcome.per_seed.shape[1:]
    index = np.array(list(product(range(seeds), repeat=seeds)))
    means = np.stack([outcome.per_seed[:, :, row].mean(-1) for row in index])
    low, high = np.quantile(means, [ALPHA / pairs / 2, 1 - ALPHA / pairs / 2], axis=0)
    return ((low > 0) | (high < 0)).any(-1)


def other_run_noise(outcome: Outcome) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Claims with each pair's own variance over seeds (seeds - 1 df), and with the larger of that and the pooled one."""
    seeds = outcome.per_seed.shape[-1]
    own = outcome.per_seed.var(-1, ddof=1) / seeds
    alone = p_value(outcome.difference, outcome.v_items, outcome.df_items, own, seeds - 1)
    larger = p_value(outcome.difference, outcome.v_items, outcome.df_items, np.maximum(own, outcome.v_run), outcome.df_run)
    return holm(alone) <= ALPHA, holm(larger) <= ALPHA


def joined_rates(df_run: int, share: float, alpha: float = ALPHA, draws: int = 200_000) -> tuple[float, float, float]:
    """Error rate of three ways to join the variances when `share` of the total is items (60 df): Welch-Satterthwaite, the run's t
    on the sum, Banerjee (the rule)."""
    rng, df_items = np.random.default_rng(5), 60.0
    difference = rng.standard_normal(draws)
    run = (1 - share) * rng.chisquare(df_run, draws) / df_run
    items = share * rng.chisquare(df_items, draws) / df_items
    welch_df = (run + items) ** 2 / (run**2 / df_run + items**2 / df_items)
    widths = (
        half_width(alpha, 0.0, 1.0, run + items, welch_df),
        half_width(alpha, 0.0, 1.0, run + items, df_run),
        half_width(alpha, items, df_items, run, df_run),
    )
    welch, plain, banerjee = (float(np.mean(np.abs(difference) > width)) for width in widths)
    return welch, plain, banerjee


def percent(rate: Any) -> str:
    return f"{100 * float(np.mean(rate)):.1f} %"


def main() -> None:
    items_rule = World(run=0.003, cluster=0.05, item=0.1)
    print("\nNo difference: experiments of 2,000 that claim anything (worlds: mostly run noise, half and half, mostly items)\n")
    print(
        "| arms | seeds | run noise | both | items | runs: items-only bootstrap | runs: seeds resampled |\n|--|--|--|--|--|--|--|"
    )
    for arms in (2, 3, 5):
        for seeds in (2, 3, 5):
            null = {"effects": (0.0,) * arms, "seeds": seeds}
            runs = simulate(replace(World(), **null))
            rates = [simulate(replace(w, **null)).claimed.any(-1) for w in (World(run=0.012), items_rule)]
            cells = [runs.claimed.any(-1), *rates, items_only(runs), seeds_resampled(runs)]
            print(f"| {arms} | {seeds} |", " | ".join(percent(c) for c in cells), "|")
    print("\nNo difference, unequal run noise, 3 arms\n")
    print(
        "| one arm's run SD / the others' | seeds | any claim | of a pair with that arm | of the other pair |\n|--|--|--|--|--|"
    )
    for factor, seeds in product((1.0, 2.0, 4.0, 10.0), (2, 3, 5)):
        outcome = simulate(World(seeds=seeds, run=(0.03 * factor, 0.03, 0.03)))
        cells = [outcome.claimed.any(-1), outcome.claimed[:, :2].any(-1), outcome.claimed[:, 2]]
        print(f"| {factor:g} | {seeds} |", " | ".join(percent(c) for c in cells), "|")
    print("\nOther ways to measure run noise, 3 arms: pooled (the rule) / each pair's own / the larger of the two\n")
    print("| one arm's run SD / the others' | seeds | any claim, no difference | power, pair with that arm |\n|--|--|--|--|")
    for factor, seeds in product((1.0, 4.0, 10.0), (2, 3, 5)):
        world = World(seeds=seeds, run=(0.03 * factor, 0.03, 0.03))
        null, found = simulate(world), simulate(replace(world, effects=(0.0, *(-0.1 * math.sqrt(factor),) * 2)))
        errors = [claimed.any(-1) for claimed in (null.claimed, *other_run_noise(null))]
        powers = [claimed[:, 0] for claimed in (found.claimed, *other_run_noise(found))]
        print(f"| {factor:g} | {seeds} |", " | ".join(" / ".join(map(percent, cells)) for cells in (errors, powers)), "|")
    print("\nOne arm of several is better: predicted chance that a pair with it is claimed, and found\n")
    print(
        "| arms | seeds | effect | `power`, first step | found at alpha / pairs | `claims` | found by the rule |\n"
        "|--|--|--|--|--|--|--|"
    )
    for arms, seeds, effect in product((2, 3), (2, 3, 5), (0.04, 0.08, 0.16)):
        world = World(effects=(*(0.0,) * (arms - 1), -effect), seeds=seeds)
        outcome, with_it = simulate(world), [i for i, pair in enumerate(combinations(range(arms), 2)) if pair[1] == arms - 1]
        p = outcome.p[:, with_it]
        whole = [chance for (_, second), chance in predicted_claims(world).items() if second == arms - 1]
        cells = [predicted(world, effect), p <= ALPHA / math.comb(arms, 2), np.mean(whole), outcome.claimed[:, with_it]]
        print(f"| {arms} | {seeds} | {effect} |", " | ".join(percent(c) for c in cells), "|")
    print("\nEquivalence at the very edge (true difference = delta = 0.05), and coverage of the plain 95 % interval\n")
    print("| seeds | world | claimed equivalent | interval holds the truth |\n|--|--|--|--|")
    for seeds, (name, world) in product((2, 3, 5), (("run noise", World()), ("both", World(run=0.012)), ("items", items_rule))):
        outcome = simulate(replace(world, effects=(0.0, 0.05), seeds=seeds))
        print(f"| {seeds} | {name} | {percent(same(outcome, 0.05) <= ALPHA)} | {percent(covered(outcome, 0.05))} |")
    print("\nJoining the variances: error at a nominal 5 % (Welch-Satterthwaite / the run's t on the sum / the rule)\n")
    print("| run df | items 9 % of the variance | 33 % | 67 % | 95 % |\n|--|--|--|--|--|")
    for df_run in (1, 2, 4, 8):
        cells = [" / ".join(percent(rate) for rate in joined_rates(df_run, share)) for share in (0.09, 0.33, 0.67, 0.95)]
        print(f"| {df_run} |", " | ".join(cells), "|")


def planned(world: World) -> dict[str, Any]:
    """What a planner would pass on: the true noises of the world."""
    assert isinstance(world.run, float)
    spread = math.sqrt(world.run**2 + world.answers())
    return {"seeds": world.seeds, "s": spread, "v_items": world.v_items(), "df_items": world.domains * (world.clusters - 1)}


def predicted(world: World, effect: float, step: int = 1) -> float:
    return power(effect, arms=len(world.effects), step=step, **planned(world))


def predicted_claims(world: World) -> dict[tuple[int, int], float]:
    return claims(world.effects, **planned(world))


def same(outcome: Outcome, delta: float) -> Floats:
    return equivalence_p(outcome.difference, outcome.v_items, outcome.df_items, outcome.v_run, np.float64(outcome.df_run), delta)


def covered(outcome: Outcome, truth: float) -> NDArray[np.bool_]:
    half = half_width(ALPHA, outcome.v_items, outcome.df_items, outcome.v_run, outcome.df_run)
    return np.abs(outcome.difference - truth) <= half


if __name__ == "__main__":
    main()
