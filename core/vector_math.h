/** exp, log, sigmoid and tanh of float for loops that the compiler turns into vector code.
 *
 *  Plain inline functions without branches, calls or tables: in `for (i = 0; i < 16; i++) y[i] =
 * nib_expf(x[i]);` every step is a vector instruction on each instruction set, where a call of libm's expf
 * would be made element by element. The same bits on every machine (no fused multiply-add). NaN in gives NaN
 * out. Largest errors, checked in the tests: exp, log 1.5 ulp; log1p, sigmoid, tanh 3 ulp. Source:
 * polynomials of the Cephes library (Moshier), expf.c, logf.c, tanhf.c.
 */
#ifndef NIB_CORE_VECTOR_MATH_H
#define NIB_CORE_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/** Before a loop over elements: iterations are independent although y may be x (in place), which compilers
 * cannot know and would not vectorise for. */
#if defined(__clang__)
#define NIB_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define NIB_INDEPENDENT _Pragma("GCC ivdep")
#else
#define NIB_INDEPENDENT
#endif

static inline uint32_t nib_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float nib_float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/** e^x; 0 below -87 (where the result comes near the denormals), infinity above 88. */
static inline float nib_expf(float x)
{
    /* x = n ln 2 + r. Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits. */
    const float shifted = x * 1.44269504088896341f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * (r * r) + r) + 1.0f;
    const float power = nib_float_of_bits((nib_float_bits(shifted) + 127u) << 23);
    const float y = p * power;
    const float low = x < -87.0f ? 0.0f : y;
    return x > 88.0f ? INFINITY : low;
}

/** Natural logarithm of a normal number x > 0. */
static inline float nib_logf(float x)
{
    /* x = 2^e m, m in [sqrt(1/2), sqrt(2)) */
    const uint32_t bits = nib_float_bits(x);
    const uint32_t shift = bits - 0x3f3504f3u;
    const float e = (float)((int32_t)shift >> 23);
    const float m = nib_float_of_bits((shift & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    const float z = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float y = (p * m) * z;
    y += e * -2.12194440e-4f;
    y -= 0.5f * z;
    const float result = (m + y) + e * 0.693359375f;
    return x == x && x < INFINITY ? result : x;
}

/** log(1 + x) for x in [0, 1e30]: the rounding of 1 + x is given back to first order. */
static inline float nib_log1pf(float x)
{
    const float u = 1.0f + x;
    return nib_logf(u) + (x - (u - 1.0f)) / u;
}

/** 1 / (1 + e^-x). */
static inline float nib_sigmoidf(float x)
{
    const float e = nib_expf(-fabsf(x));
    const float numerator = x >= 0.0f ? 1.0f : e;
    return numerator / (1.0f + e);
}

static inline float nib_tanhf(float x)
{
    const float a = fabsf(x);
    /* Away from 0: 1 - 2 / (e^2a + 1), written with e^-2a, which cannot overflow. */
    const float e = nib_expf(-2.0f * a);
    const float far = (1.0f - e) / (1.0f + e);
    const float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z - 5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z - 3.33332819422e-1f;
    const float near = (p * z) * x + x;
    const float signed_far = x < 0.0f ? -far : far;
    return a < 0.625f ? near : signed_far;
}

#endif
