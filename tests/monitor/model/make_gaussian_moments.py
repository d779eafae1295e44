"""Writes gaussian_moments_table.h: E[act(a)], E[act'(a)] and E[act''(a)] for a ~ N(mean, deviation^2).

The derivatives are never formed: by Stein's lemma E[act'(a)] = E[act(a) (a - mean)] / deviation^2 and
E[act''(a)] = E[act(a) ((a - mean)^2 - deviation^2)] / deviation^4, with 60 digits against the cancellation.

    pip install mpmath && python3 make_gaussian_moments.py > gaussian_moments_table.h
"""

from mpmath import mp, mpf

mp.dps = 60

# Of xIELU, whose numbers are learned: far enough from each other that none stands for another.
POSITIVE, NEGATIVE, LINEAR, EDGE = mpf("0.7"), mpf("1.3"), mpf("0.4"), mpf("-0.25")

ACTIVATIONS = {
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda x: x * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mpf("0.044715") * x**3))) / 2,
    "relu": lambda x: max(x, mpf(0)),
    "relu2": lambda x: max(x, mpf(0)) ** 2,
    "xielu": lambda x: LINEAR * x + (POSITIVE * x * x if x > 0 else NEGATIVE * (mp.expm1(min(x, EDGE)) - x)),
}
DEVIATIONS = ["1e-8", "1e-3", "0.2", "0.999", "1", "3.5", "40", "1e4"]
MEANS = ["0", "0.4", "-0.8", "3", "-6", "49", "-51", "2e4"]


def moments(act, mean, deviation):
    points = {mean + deviation * k for k in range(-16, 17, 4)}
    points |= {mpf(x) for x in [*range(-60, 61, 4), EDGE] if abs(x - mean) < 16 * deviation}
    points = sorted(points)

    def integrand(x):
        t = (x - mean) / deviation
        f = act(x) * mp.exp(-t * t / 2)
        return mp.matrix([f, f * t, f * (t * t - 1)])

    total = mp.matrix([0, 0, 0])
    for a, b in zip(points, points[1:]):
        for x, w in gauss_legendre:
            total += integrand((a + b) / 2 + (b - a) / 2 * x) * (w * (b - a) / 2)
    total /= deviation * mp.sqrt(2 * mp.pi)
    return total[0], total[1] / deviation, total[2] / deviation**2


def legendre(n):
    """Gauss-Legendre nodes and weights on [-1, 1], by Newton's method."""
    result = []
    for i in range(n):
        x = mp.cos(mp.pi * (i + mpf(3) / 4) / (n + mpf(1) / 2))
        for _ in range(8):
            p, before = mpf(1), mpf(0)
            for k in range(n):
                p, before = ((2 * k + 1) * x * p - k * before) / (k + 1), p
            slope = n * (x * p - before) / (x * x - 1)
            x -= p / slope
        result.append((x, 2 / ((1 - x * x) * slope**2)))
    return result


gauss_legendre = legendre(40)

print("// Written by make_gaussian_moments.py.")
print("#pragma once\n")
print('#include "azimuth/architecture.h"\n')
print("namespace azimuth::testing {\n")
print("struct ExpectedMoments {")
print("  Activation activation;")
print("  double mean, deviation, value, slope, curvature;")
print("};\n")
print("/// Of the rows of xIELU.")
print(f"inline constexpr Xielu kXielu = {{{', '.join(mp.nstr(x) for x in (POSITIVE, NEGATIVE, LINEAR, EDGE))}}};\n")
print("// clang-format off")
print("inline constexpr ExpectedMoments kGaussianMoments[] = {")
for name, act in ACTIVATIONS.items():
    for deviation in DEVIATIONS:
        for mean in MEANS:
            numbers = moments(act, mpf(mean), mpf(deviation))
            # The 60 digits leave rounding of about 1e-40 where nothing is left.
            text = ", ".join(mp.nstr(x if abs(x) > mpf("1e-30") else mpf(0), 15) for x in numbers)
            print(f"    {{Activation::{name}, {mean}, {deviation}, {text}}},", flush=True)
print("};")
print("// clang-format on\n")
print("}  // namespace azimuth::testing")
