/* The vector functions against libm in double, over a sample of all floats. */
#include <criterion/criterion.h>

#include "core/vector_math.h"

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Distance in units in the last place of a float. */
static double ulps(float got, double wanted)
{
    int exponent;
    (void)frexp(wanted, &exponent);
    return fabs((double)got - wanted) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

static float vector_exp(float x)
{
    return nib_expf(x);
}
static float vector_log(float x)
{
    return nib_logf(x);
}
static float vector_log1p(float x)
{
    return nib_log1pf(x);
}
static float vector_sigmoid(float x)
{
    return nib_sigmoidf(x);
}
static float vector_tanh(float x)
{
    return nib_tanhf(x);
}

static const struct {
    const char *name;
    float (*function)(float);
    double (*exact)(double);
    float low, high;
    double limit;
} functions[] = {
    {"exp", vector_exp, exp, -87.0f, 88.0f, 1.5},   {"log", vector_log, log, 1.2e-38f, 3.4e38f, 1.5},
    {"log1p", vector_log1p, log1p, 0.0f, 1e30f, 3}, {"sigmoid", vector_sigmoid, sigmoid, -87.0f, 1e30f, 3},
    {"tanh", vector_tanh, tanh, -1e30f, 1e30f, 3},
};

Test(vector_math, is_near_libm)
{
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++) {
        double worst = 0;
        float at = 0;
        for (uint32_t bits = 0; bits < 0xff800000u; bits += 4999) {
            const float x = nib_float_of_bits(bits);
            if (!(x >= functions[f].low && x <= functions[f].high) || fabsf(x) < 1.2e-38f)
                continue;
            const double d = ulps(functions[f].function(x), functions[f].exact((double)x));
            if (!(d <= worst)) {
                worst = d;
                at = x;
            }
        }
        cr_expect(worst <= functions[f].limit, "%s: %g ulp at %g", functions[f].name, worst, (double)at);
    }
}

Test(vector_math, ends_and_nan)
{
    for (size_t f = 0; f < sizeof functions / sizeof functions[0]; f++)
        cr_expect(isnan(functions[f].function(NAN)), "%s(NaN) = %g", functions[f].name,
                  (double)functions[f].function(NAN));
    cr_expect(nib_expf(0) == 1 && nib_expf(-88) == 0 && nib_expf(-INFINITY) == 0, "exp below");
    cr_expect(isinf(nib_expf(89)) && isinf(nib_expf(INFINITY)), "exp above");
    cr_expect(nib_logf(1) == 0 && isinf(nib_logf(INFINITY)) && nib_log1pf(0) == 0, "log");
    cr_expect(nib_sigmoidf(0) == 0.5f && nib_sigmoidf(-INFINITY) == 0 && nib_sigmoidf(INFINITY) == 1,
              "sigmoid");
    cr_expect(nib_tanhf(0) == 0 && nib_tanhf(-INFINITY) == -1 && nib_tanhf(INFINITY) == 1, "tanh");
}
