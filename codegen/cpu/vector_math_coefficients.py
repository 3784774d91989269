#!/usr/bin/env python3
"""Makes VectorMathCoefficients.h: minimax polynomials for VectorMath.

Remez's exchange algorithm (Remez 1934; Muller, Elementary Functions, 3rd ed.,
3.6) with a weight, in multiple precision. Coefficients are rounded to their type
one by one, from the most significant; after each the rest is fitted again, so
that it makes up for the rounding (Brisebarre & Chevillard 2007 do this better
with lattices; a greedy choice loses a few per cent here).

    python3 vector_math_coefficients.py > VectorMathCoefficients.h    (needs mpmath)
"""
import struct
import sys

from mpmath import mp, mpf

mp.dps = 70


def round_to(bits, value):
    """The nearest f32 or f64."""
    if bits == 64:
        return mpf(float(value))
    return mpf(struct.unpack("f", struct.pack("f", float(value)))[0])


def remez(target, weight, powers, low, high):
    """Coefficients of sum c_k x^k, k in powers, that minimise
    max |weight(x) (target(x) - sum)| on [low, high]; and that maximum."""
    count = len(powers)
    samples = 60 * count + 200
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * i / samples) for i in range(samples + 1)]
    targets = [target(x) for x in grid]
    weights = [weight(x) for x in grid]
    monomials = [[x**k for k in powers] for x in grid]
    chosen = [round(samples * i / count) for i in range(count + 1)]
    for _ in range(25):
        matrix = mp.matrix(count + 1, count + 1)
        right = mp.matrix(count + 1, 1)
        for row, i in enumerate(chosen):
            for column in range(count):
                matrix[row, column] = monomials[i][column]
            matrix[row, count] = (-1) ** row / weights[i]
            right[row] = targets[i]
        solution = mp.lu_solve(matrix, right)
        coefficients = [solution[i] for i in range(count)]
        level = abs(solution[count])
        errors = [
            weights[i] * (targets[i] - mp.fdot(coefficients, monomials[i])) for i in range(len(grid))
        ]
        # The largest error of each run of one sign, then the best count + 1 runs.
        extrema = [0]
        for i in range(1, len(grid)):
            if (errors[i] > 0) == (errors[extrema[-1]] > 0):
                if abs(errors[i]) > abs(errors[extrema[-1]]):
                    extrema[-1] = i
            else:
                extrema.append(i)
        while len(extrema) > count + 1:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        worst = max(abs(e) for e in errors)
        if len(extrema) < count + 1 or worst <= level * mpf("1.0005"):
            break
        chosen = extrema
    return coefficients, worst


def fit(bits, target, weight, powers, low, high):
    """remez with coefficients rounded to f32 or f64, all at once or one by one,
    whichever comes out better."""
    points = [low + (high - low) * i / 997 for i in range(998)]

    def worst(coefficients):
        return max(
            abs(weight(x) * (target(x) - sum(c * x**k for k, c in zip(powers, coefficients)))) for x in points
        )

    at_once = [round_to(bits, c) for c in remez(target, weight, powers, low, high)[0]]
    fixed, remaining = [], list(powers)
    while remaining:
        rest = lambda x: target(x) - sum(c * x**k for k, c in zip(powers, fixed))
        fixed.append(round_to(bits, remez(rest, weight, remaining, low, high)[0][0]))
        remaining.pop(0)
    best = min(at_once, fixed, key=worst)
    return best, worst(best)


def show(name, bits, comment, coefficients, worst):
    kind = "float" if bits == 32 else "double"
    print(f"// {comment}; error {mp.nstr(worst, 3)}.")
    print(f"inline constexpr {kind} {name}[] = {{")
    suffix = "f" if bits == 32 else ""
    for c in coefficients:
        print(f"    {float(c).hex()}{suffix},")
    print("};")
    sys.stdout.flush()


def parts(value, widths):
    """value as a sum of numbers of at most `width` significant bits each."""
    result = []
    for width in widths:
        exponent = mp.floor(mp.log(abs(value), 2)) + 1
        scale = mpf(2) ** (width - exponent)
        part = mp.nint(value * scale) / scale
        result.append(part)
        value -= part
    return result


def near_zero(series, exact, radius=mpf("1e-8")):
    """exact(x), or its series where the closed form cancels."""
    return lambda x: series(x) if abs(x) < radius else exact(x)


def exponential():
    for bits, degree in ((32, 6), (64, 11)):
        half = mp.log(2) / 2 * mpf("1.0001")
        # exp(r) = 1 + r + r^2 q(r)
        g = near_zero(lambda r: mpf(1) / 2 + r / 6 + r * r / 24, lambda r: (mp.exp(r) - 1 - r) / r**2)
        c, e = fit(bits, g, lambda r: r**2 / mp.exp(r) + mpf("1e-30"), range(degree - 1), -half, half)
        show(f"exponential{bits}", bits, "q: exp(r) = 1 + r + r^2 q(r), |r| <= ln(2)/2, relative", c, e)
        # expm1(r) = r + r^2 q(r), relative to expm1
        w = near_zero(lambda r: abs(r) + mpf("1e-30"), lambda r: abs(r**2 / mp.expm1(r)))
        degree += 1 if bits == 64 else 0
        c, e = fit(bits, g, w, range(degree - 1), -half, half)
        show(f"exponentialMinusOne{bits}", bits, "q: expm1(r) = r + r^2 q(r), |r| <= ln(2)/2, relative", c, e)
        # For tanh: r >= 0, see emitTanh.
        degree += 1
        c, e = fit(bits, g, w, range(degree - 1), mpf("-1e-6"), 2 * half)
        show(f"exponentialMinusOneUpward{bits}", bits, "q: expm1(r) = r + r^2 q(r), 0 <= r <= ln(2), relative", c, e)
    for bits, degree in ((32, 5), (64, 9)):
        ln2 = mp.log(2)
        g = near_zero(lambda f: ln2 + ln2**2 * f / 2, lambda f: (mpf(2) ** f - 1) / f, mpf("1e-20"))
        c, e = fit(
            bits, g, lambda f: abs(f) * mpf(2) ** -f + mpf("1e-30"), range(degree), mpf("-0.501"), mpf("0.501")
        )
        show(f"exponentialBase2_{bits}", bits, "q: 2^f = 1 + f q(f), |f| <= 1/2, relative", c, e)


def logarithm():
    # log(1 + f) = f - f^2 / 2 + f^3 q(f), 1 + f in [2/3, 4/3)
    g = near_zero(
        lambda f: mpf(1) / 3 - f / 4 + f * f / 5, lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3, mpf("1e-6")
    )
    w = near_zero(lambda f: f * f + mpf("1e-30"), lambda f: abs(f**3 / mp.log1p(f)))
    third = mpf(1) / 3 * mpf("1.0001")
    c, e = fit(32, g, w, range(8), -third, third)
    show("logarithm32", 32, "q: log(1 + f) = f - f^2/2 + f^3 q(f), |f| <= 1/3, relative", c, e)
    # log(1 + f) = f - s (f - R), s = f / (2 + f), R = z q(z), z = s^2; that is
    # 2 atanh(s) = 2 s + s z q(z)
    top = (3 - 2 * mp.sqrt(2)) ** 2 * mpf("1.0001")
    def q(z):
        if z < mpf("1e-12"):
            return mpf(2) / 3 + 2 * z / 5 + 2 * z * z / 7
        s = mp.sqrt(z)
        return (2 * mp.atanh(s) - 2 * s) / (s * z)
    for count, name in ((7, "logarithm64"), (5, "logarithmForPow32")):
        c, e = fit(64, q, lambda z: z / 2 + mpf("1e-30"), range(count), mpf(0), top)
        show(name, 64, "q: log((1+s)/(1-s)) = 2 s + s z q(z), z = s^2 <= 0.0295, relative", c, e)
    c, e = fit(
        64,
        lambda z: (q(z) - mpf(2) / 3) / z if z > mpf("1e-12") else mpf(2) / 5 + 2 * z / 7,
        lambda z: z**2 / 2 + mpf("1e-30"),
        range(8), mpf(0), top,
    )
    show(
        "logarithmForPow64", 64,
        "q: log((1+s)/(1-s)) = 2 s + s z (2/3 + z q(z)), z = s^2 <= 0.0295, relative", c, e,
    )
    c = parts(mpf(2) / 3, (53, 53))
    show("twoThirdsParts", 64, "2 / 3", c, mpf(2) / 3 - sum(c))


def error_function():
    two = 2 / mp.sqrt(mp.pi)
    def small(z):  # erf(x) / x - 1
        if z < mpf("1e-12"):
            return two - 1 - two * z / 3
        x = mp.sqrt(z)
        return mp.erf(x) / x - 1
    for bits, count, edge in ((32, 6, "0.9277"), (64, 12, "1")):
        top = mpf(edge) ** 2
        w = lambda z: 1 / (1 + small(z))
        c, e = fit(bits, small, w, range(count), mpf(0), top * mpf("1.001"))
        show(f"errorFunctionSmall{bits}", bits, f"q: erf(x) = x + x q(x^2), |x| <= {edge}, relative", c, e)
    # log2(erfc(t)) for erf(t) = 1 - 2^q(t)
    c, e = fit(
        32,
        lambda t: mp.log(mp.erfc(t), 2),
        lambda t: mp.log(2) * mp.erfc(t) / mp.erf(t),
        range(8), mpf("0.92"), mpf("3.95"),
    )
    show("errorFunctionLarge32", 32, "q: erf(t) = 1 - 2^q(t), 0.92 <= t <= 3.95, relative", c, e)
    # erfc(t) = exp(-t^2) q(z), z = (t - 2) / (t + 2)
    def large(z):
        t = 2 * (1 + z) / (1 - z)
        return mp.exp(t * t) * mp.erfc(t)
    def weight(z):
        t = 2 * (1 + z) / (1 - z)
        return mp.exp(-t * t) / mp.erf(t)
    lo, hi = mpf("0.99"), mpf("6")
    c, e = fit(64, large, weight, range(16), (lo - 2) / (lo + 2), (hi - 2) / (hi + 2))
    show("errorFunctionLarge64", 64, "q: erf(t) = 1 - exp(-t^2) q((t-2)/(t+2)), 0.99 <= t <= 6, relative", c, e)


def trigonometric():
    for bits, sines, cosines in ((32, 4, 4), (64, 6, 6)):
        top = (mp.pi / 4) ** 2 * mpf("1.001")
        def sine(z):
            if z < mpf("1e-12"):
                return -mpf(1) / 6 + z / 120
            r = mp.sqrt(z)
            return (mp.sin(r) / r - 1) / z
        def cosine(z):
            if z < mpf("1e-12"):
                return mpf(1) / 24 - z / 720
            return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2
        c, e = fit(bits, sine, lambda z: z / (mp.sin(mp.sqrt(z)) / mp.sqrt(z) if z else 1) + mpf("1e-30"), range(sines), mpf(0), top)
        show(f"sine{bits}", bits, "q: sin(r) = r + r z q(z), z = r^2, |r| <= pi/4, relative", c, e)
        c, e = fit(bits, cosine, lambda z: z**2 / mp.cos(mp.sqrt(z)) + mpf("1e-30"), range(cosines), mpf(0), top)
        show(f"cosine{bits}", bits, "q: cos(r) = 1 - z/2 + z^2 q(z), z = r^2, |r| <= pi/4, relative", c, e)


def constants():
    for bits, widths in ((32, (15, 24)), (64, (40, 53))):
        c = parts(mp.log(2), widths)
        show(f"ln2Parts{bits}", bits, "ln 2: the first part times any exponent is exact", c, mp.log(2) - sum(c))
    c = parts(mp.pi / 2, (53, 53, 53))
    show("halfPiParts", 64, "pi / 2", c, mp.pi / 2 - sum(c))
    for scale in (0, 27, 54, 81):
        quadrants = mpf(2) ** scale * 2 / mp.pi
        quadrants -= 4 * mp.nint(quadrants / 4)
        c = parts(quadrants, (29, 29, 53))
        show(f"quadrants{scale}", 64, f"2^{scale} * 2 / pi, modulo 4", c, quadrants - sum(c))


print("""// Made by vector_math_coefficients.py, which states each fit; not to be edited.
// Lowest power first. The error is the largest weighted error of the rounded fit.
#pragma once

namespace nnc::cpu::coefficients {
""")
exponential()
logarithm()
error_function()
trigonometric()
constants()
print("""
} // namespace nnc::cpu::coefficients""")
