"""The newer scores written down from their formulas, as slowly and plainly as they read."""

import numpy as np
from scipy.linalg import eigh, sqrtm
from scipy.special import digamma, logsumexp
from sklearn.decomposition import PCA
from sklearn.naive_bayes import GaussianNB

from tests.methods import oracles


def softmax(a):
    return np.exp(a - logsumexp(a, axis=1, keepdims=True))


def coded(labels):
    codes = np.unique(labels, return_inverse=True)[1]
    return codes, np.bincount(codes) / len(codes)


def scatters(x, codes):
    """Within, total, class means; divided by N."""
    means = np.stack([x[codes == c].mean(axis=0) for c in range(codes.max() + 1)])
    residuals = x - means[codes]
    centred = x - x.mean(axis=0)
    return residuals.T @ residuals / len(x), centred.T @ centred / len(x), means


def ncti(features, labels):
    """seli, ncc, -vc."""
    n = len(features)
    x = PCA(min(64, features.shape[1], n - 1), svd_solver="full").fit_transform(features)
    codes, prior = coded(labels)
    within, total, means = scatters(x, codes)
    s = max(np.exp(-np.var(x, axis=0, ddof=1)[:32].sum()), 1e-10)
    k, c = x.shape[1], len(prior)
    if s > 1e-10:
        w = (1 - s) * within + s * np.trace(within) / k * np.eye(k)
        t = (1 - s) * total + s * np.trace(total) / k * np.eye(k)
        values, vectors = eigh(t - w, w)
        axes = vectors[:, np.argsort(-values)[: min(c - 1, k)]]
        g = np.linalg.inv(w) @ means.T
    else:
        scale = np.diag(1 / np.sqrt(np.diag(within)))
        inverse = np.linalg.pinv(scale @ within @ scale * n / (n - c), rcond=1e-8, hermitian=True)
        root = scale @ np.real(sqrtm(inverse))
        values, vectors = np.linalg.eigh(root.T @ (means.T * prior) @ means @ root)
        axes = root @ vectors[:, values > 1e-8 * values.max()]
        g = scale @ inverse @ scale @ means.T
    posterior = softmax(x @ g - np.diag(means @ g) / 2 + np.log(prior))
    seli = np.linalg.norm(x @ axes, "nuc")
    vc = np.log(sum(np.linalg.norm(posterior[codes == i], "nuc") for i in range(c)))
    return seli, posterior[np.arange(n), codes].mean(), -vc


def etran_lda(features, labels):
    """Classes as Gaussians about their means with unit covariance."""
    codes, prior = coded(labels)
    means = scatters(features, codes)[2]
    squared = ((features[:, None] - means) ** 2).sum(axis=2)
    return softmax(np.log(prior) - squared / 2)[np.arange(len(codes)), codes].mean()


def etran_energy(features):
    energies = sorted(float(np.log(np.exp(row).sum())) for row in features)
    return np.mean(energies[: max(len(energies) * 5 // 1000, 1)])


def etran_regression(features, targets):
    fit = features @ np.linalg.lstsq(features, targets, rcond=None)[0]
    return -((fit - targets) ** 2).mean()


def tmi(features, labels):
    total = 0.0
    for y in np.unique(labels):
        x = features[labels == y]
        if len(x) <= 3:
            continue
        radii = [max(sorted(np.abs(a - b).max() for b in x)[3], 1.0) for a in x]
        entropy = digamma(len(x)) - digamma(3) + x.shape[1] * np.mean(np.log(2 * np.array(radii)))
        total += len(x) / len(labels) * entropy
    return total


def ped(features, labels, source_features):
    """The features after the decline, pair by pair."""
    a, b = source_features.mean(axis=0), np.maximum(source_features.std(axis=0), 1e-3)
    x = (features - a) / b
    names = np.unique(labels)
    radii = [np.sqrt(x[labels == c].var(axis=0).sum()) for c in names]
    first = None
    for _ in range(6):
        means = [x[labels == c].mean(axis=0) for c in names]
        moves = [np.zeros(x.shape[1]) for _ in names]
        for i in range(len(names)):
            for j in range(len(names)):
                distance = np.linalg.norm(means[i] - means[j])
                if i != j and distance > 0:
                    gap = max(0.6 * (radii[i] + radii[j]) - distance, 0)
                    moves[i] += min(0.5 * 0.1**2 * gap, gap) * (means[i] - means[j]) / distance
        change = np.abs(moves).sum()
        first = change if first is None else first
        if first == 0 or change / first <= 0.5:
            break
        for move, c in zip(moves, names, strict=True):
            x = np.where((labels == c)[:, None], x + move, x)
    return x * b + a


def ped_sfda(features, labels, source_features):
    return oracles.sfda(ped(features, labels, source_features), labels)


def gbc_spherical(features, labels, full=False):
    names = np.unique(labels)
    groups = [features[labels == y] for y in names]
    u = [np.maximum(x.var(axis=0), 1e-4).mean() for x in groups]
    total = 0.0
    for i in range(len(names)):
        for j in range(len(names)):
            if i != j:
                both = (u[i] + u[j]) / 2
                apart = ((groups[i].mean(axis=0) - groups[j].mean(axis=0)) ** 2).sum() / both / 8
                logs = np.log(both / np.sqrt(u[i] * u[j])) / 2
                total += np.exp(-apart - logs * (features.shape[1] if full else 1))
    return -total


def gbc_spherical_full(features, labels):
    return gbc_spherical(features, labels, full=True)


def transrate_selection(features, labels):
    """With a D x D matrix per class."""
    codes, prior = coded(labels)
    within, total, _ = scatters(features, codes)
    h = np.linalg.pinv(total, rcond=1e-12, hermitian=True) @ (total - within)
    sizes = np.linalg.svd(total @ h, compute_uv=False)
    rank = np.linalg.matrix_rank(total @ h, tol=sizes[0] * 1e-9)
    rate = np.log(1 + sizes / sizes.sum() / 1e-4).sum()
    for c, share in enumerate(prior):
        own = np.cov(features[codes == c].T, bias=True)
        values = np.linalg.svd(own @ h, compute_uv=False)
        rate -= share * np.log(1 + values / sizes.sum() / 1e-4).sum()
    return rate / (2 * rank)


def transrate_rows(features, labels):
    z = features / np.linalg.norm(features, axis=1, keepdims=True)
    z = z - z.mean(axis=0)
    z = z / np.linalg.norm(z, axis=1, keepdims=True)

    def rate(a):
        return np.linalg.slogdet(np.eye(a.shape[1]) + a.T @ a / len(a) / 1e-4)[1]

    whole = rate(z) - sum(np.mean(labels == y) * rate(z[labels == y]) for y in np.unique(labels))
    return whole / (2 * np.linalg.matrix_rank(z))


def knn_parc(features, labels):
    hits = 0
    for i, x in enumerate(features):
        distances = [np.inf if i == j else np.linalg.norm(x - other) for j, other in enumerate(features)]
        hits += labels[int(np.argmin(distances))] == labels[i]
    return 100 * hits / len(labels)


def naive_bayes(features, labels):
    """scikit-learn's, fitted anew without each sample."""
    hits = 0
    for i in range(len(labels)):
        rest = np.arange(len(labels)) != i
        hits += GaussianNB().fit(features[rest], labels[rest]).predict(features[[i]])[0] == labels[i]
    return hits / len(labels)


def fisher(features, labels):
    within, total, _ = scatters(features, coded(labels)[0])
    return np.trace(total - within) / np.trace(within)


def silhouette(features, labels):
    values = []
    for x, y in zip(features, labels, strict=True):
        far = np.linalg.norm(features - x, axis=1)
        if (labels == y).sum() == 1:
            values.append(0)
            continue
        own = far[labels == y].sum() / ((labels == y).sum() - 1)
        other = min(far[labels == z].mean() for z in np.unique(labels) if z != y)
        values.append((other - own) / max(own, other))
    return np.mean(values)
