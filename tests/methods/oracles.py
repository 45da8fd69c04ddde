"""Each method written down from its formula, as slowly and plainly as it reads: what the fast code must agree with."""

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize
from scipy.special import digamma, gammaln, logsumexp
from scipy.stats import norm, spearmanr, zscore
from sklearn.covariance import ledoit_wolf
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture


def one_hot(labels):
    return (labels[:, None] == np.unique(labels)).astype(float)


def class_means(x, labels):
    """(N, D): each sample's class mean."""
    return np.stack([x[labels == y].mean(axis=0) for y in labels])


def h_score(features, labels):
    x = features - features.mean(axis=0)
    means = class_means(x, labels)
    return np.trace(np.linalg.pinv(x.T @ x, rcond=1e-10, hermitian=True) @ means.T @ means)


def h_score_shrunk(features, labels):
    x = features - features.mean(axis=0)
    means = class_means(x, labels)
    covariance, a = ledoit_wolf(x)
    return np.trace(np.linalg.pinv(covariance) @ means.T @ means / len(x) * (1 - a))


def negative_conditional_entropy(z, labels):
    total = 0.0
    for y in np.unique(labels):
        for source in np.unique(z):
            joint = np.mean((labels == y) & (z == source))
            if joint > 0:
                total += joint * np.log(joint / np.mean(z == source))
    return total


def nce(probabilities, labels):
    return negative_conditional_entropy(probabilities.argmax(axis=1), labels)


def leep(probabilities, labels):
    joint = np.einsum("iy,iz->yz", one_hot(labels), probabilities) / len(labels)
    conditional = joint / joint.sum(axis=0)
    codes = np.unique(labels, return_inverse=True)[1]
    return np.mean([np.log(sum(conditional[y] * theta)) for y, theta in zip(codes, probabilities, strict=True)])


def logme(features, columns):
    """The largest density of y ~ N(0, I/beta + X X^T/alpha), over alpha and beta."""
    variances, axes = np.linalg.eigh(features @ features.T)

    def cost(u, y):
        return -norm.logpdf(axes.T @ y, scale=np.sqrt(np.exp(-u[1]) + np.exp(-u[0]) * np.maximum(variances, 0))).sum()

    options = {"xatol": 1e-6, "fatol": 1e-9, "maxiter": 2000}
    best = [
        -min(minimize(cost, s, (y,), "Nelder-Mead", options=options).fun for s in ((0, 0), (5, 3), (9, 0)))
        for y in columns.T
    ]
    return np.mean(best) / len(features)


def pactran_dirichlet(probabilities, labels):
    theta, y = probabilities, one_hot(labels)
    n, c = y.shape
    a0 = y.mean(axis=0)[:, None]
    q = theta
    for _ in range(10):
        a = a0 + np.einsum("iy,iz->iyz", y, q).sum(axis=0)
        logs = np.log(theta) + y @ digamma(a) - digamma(a.sum(axis=0))
        log_q = logs - logsumexp(logs, axis=1, keepdims=True)
        q = np.exp(log_q)
    a = a0 + np.einsum("iy,iz->iyz", y, q).sum(axis=0)
    log_c0 = gammaln(a0.sum()) - gammaln(a0).sum()
    log_c = gammaln(a.sum(axis=0)) - gammaln(a).sum(axis=0)
    return sum(log_c0 - log_c - (q * (log_q - np.log(theta))).sum(axis=0)) / (n * c)


def pactran_gamma(probabilities, labels):
    theta, y = probabilities, one_hot(labels)
    n, c = y.shape
    a0 = y.mean(axis=0)[:, None]
    q = theta
    for _ in range(10):
        a = a0 + np.einsum("iy,iz->iyz", y, q).sum(axis=0)
        logs = np.log(theta) + y @ digamma(a)
        log_q = logs - logsumexp(logs, axis=1, keepdims=True)
        q = np.exp(log_q)
    a = a0 + np.einsum("iy,iz->iyz", y, q).sum(axis=0)
    lengths = np.einsum("iz,yz->i", theta, a)
    samples = (q * (log_q - np.log(theta))).sum(axis=1) + np.log(lengths) - 1
    return -1 - ((gammaln(a0) - gammaln(a)).sum() + samples.sum()) / (n * c)


def pactran_gauss(features, labels, scale=1):
    """Of the features times the scale; the search is in the features' own units, in which it converges."""
    x, y = features - features.mean(axis=0), one_hot(labels)
    (n, d), c = x.shape, y.shape[1]

    def loss(flat):
        w, b = flat[: d * c].reshape(d, c), flat[d * c :]
        logits = x @ w + b
        return (logsumexp(logits, axis=1) - (logits * y).sum(axis=1)).mean() + (w**2).sum() / (2 * n * scale**2)

    def gradient(flat):
        w, b = flat[: d * c].reshape(d, c), flat[d * c :]
        error = (np.exp(x @ w + b - logsumexp(x @ w + b, axis=1, keepdims=True)) - y) / n
        return np.concatenate([(x.T @ error + w / (n * scale**2)).ravel(), error.sum(axis=0)])

    start = np.random.default_rng(0).normal(size=(d + 1) * c) * 0.03
    found = minimize(loss, start, jac=gradient, method="L-BFGS-B",
                     options={"maxiter": 5000, "ftol": 1e-15 / scale, "gtol": 1e-9 / scale})  # fmt: skip
    w, b = found.x[: d * c].reshape(d, c), found.x[d * c :]
    p = np.exp(x @ w + b - logsumexp(x @ w + b, axis=1, keepdims=True))
    hessian = scale**2 * (x**2).T @ (p - p**2) / n
    prior = 100 / d
    return -(found.fun + d * c * prior / (2 * n) * np.log(1 + n * hessian.sum() / (d * c)))


def otce(features, labels, source_features, source_labels):
    """Equally many samples on both sides, coupled by brute squared distances."""
    x, s = features, source_features
    cost = ((x[:, None] - s[None]) ** 2).sum(axis=2)
    partner = linear_sum_assignment(cost)[1]
    return negative_conditional_entropy(source_labels[partner], labels)


def lfc(features, labels):
    k = features @ features.T
    same = np.where(labels[:, None] == labels, 1.0, -1.0)
    k, same = k - k.mean(), same - same.mean()
    return (k * same).sum() / np.sqrt((k**2).sum() * (same**2).sum())


def gbc(features, labels):
    p = PCA(min(64, *features.shape)).fit_transform(features)
    names = np.unique(labels)
    total = 0.0
    for i in names:
        for j in names:
            if i != j:
                mi, mj = p[labels == i].mean(axis=0), p[labels == j].mean(axis=0)
                si = np.diag(np.maximum(p[labels == i].var(axis=0), 1e-4))
                sj = np.diag(np.maximum(p[labels == j].var(axis=0), 1e-4))
                s = (si + sj) / 2
                distance = (mi - mj) @ np.linalg.inv(s) @ (mi - mj) / 8
                logs = [np.linalg.slogdet(a)[1] for a in (s, si, sj)]
                total += np.exp(-distance - (logs[0] - (logs[1] + logs[2]) / 2) / 2)
    return -total


def transrate(features, labels):
    z = features - features.mean(axis=0)

    def rate(a):
        return np.linalg.slogdet(np.eye(a.shape[1]) + a.T @ a / (len(a) * 1e-4))[1] / 2

    return rate(z) - sum(np.mean(labels == y) * rate(z[labels == y]) for y in np.unique(labels))


def sfda(features, labels):
    x, codes = features, np.unique(labels, return_inverse=True)[1]
    n, d = x.shape
    prior = np.bincount(codes) / n

    def softmax(a):
        return np.exp(a - logsumexp(a, axis=1, keepdims=True))

    def analyse(x, strength=None):
        means = np.stack([x[codes == c].mean(axis=0) for c in range(len(prior))])
        within = sum(p * np.cov(x[codes == c].T, bias=True) for c, p in enumerate(prior))
        if strength is None:
            strength = max(np.exp(-5 * np.linalg.eigvalsh(within)[-1]), 1e-10)
        inverse = np.linalg.inv((1 - strength) * within + strength * np.trace(within) / d * np.eye(d))
        scores = x @ inverse @ means.T - np.diag(means @ inverse @ means.T) / 2 + np.log(prior)
        return softmax(scores), means, strength

    posterior, means, strength = analyse(x)
    p = softmax(posterior)[np.arange(n), codes][:, None]
    others = np.stack([np.delete(means, c, axis=0).mean(axis=0) for c in range(len(prior))])
    posterior, _, _ = analyse(p * x + (1 - p) * others[codes], strength)
    return posterior[np.arange(n), codes].mean()


def parc(features, columns, pearson=True):
    p = zscore(PCA(min(32, features.shape[1], features.shape[0] - 1)).fit_transform(features))
    p *= np.sign((p**3).sum(axis=0))
    pairs = np.triu_indices(len(p), 1)
    far = 1 - np.corrcoef(p)
    if pearson:
        unlike = 1 - np.corrcoef(columns)
    else:
        unlike = np.linalg.norm(zscore(columns)[:, None] - zscore(columns)[None], axis=2)
    return 100 * spearmanr(far[pairs], np.round(unlike[pairs], 9)).statistic


def ridge_fit(x, columns, ridge):
    mx, my = x.mean(axis=0), columns.mean(axis=0)
    w = np.linalg.solve((x - mx).T @ (x - mx) + ridge * np.eye(x.shape[1]), (x - mx).T @ (columns - my))
    return lambda new: (new - mx) @ w + my


def probe_predictions(features, columns):
    """Leave-one-out by leaving one out."""
    x = features - features.mean(axis=0)
    n, d = x.shape
    s = np.linalg.eigvalsh(x.T @ x)
    mean = s.sum() / (s > s.max() * 1e-12).sum()

    def error(ridge):
        hat = np.ones((n, n)) / n + x @ np.linalg.solve(x.T @ x + ridge * np.eye(d), x.T)
        return ((columns - hat @ columns) ** 2).sum() / (n - np.trace(hat)) ** 2

    ridge = min(mean * np.logspace(-6, 3, 91), key=error)

    # The penalised fit without a sample keeps the centre free, so each refit centres anew.
    out = np.empty_like(columns)
    for i in range(n):
        keep = np.arange(n) != i
        out[i] = ridge_fit(features[keep], columns[keep], ridge)(features[i])
    return out


def knn_predictions(features, columns, k=5):
    units = features / np.linalg.norm(features, axis=1, keepdims=True)
    for i in range(len(units)):
        order = [j for j in np.argsort(-(units @ units[i])) if j != i][:k]
        yield columns[order]


def nleep(features, labels, seed=0):
    classes = len(np.unique(labels))
    points = PCA(0.8, svd_solver="full").fit_transform(features)
    components = max(classes, min(5 * classes, len(features) // 10))
    mixture = GaussianMixture(components, random_state=seed).fit(points)
    return leep(np.maximum(mixture.predict_proba(points), 1e-300), labels)
