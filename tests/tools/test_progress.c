/* Numbers as the terminal shows them. */
#include <criterion/criterion.h>

#include <string.h>

#include "tools/progress.h"

Test(progress, rates_take_few_letters)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},     {0.25, "0.25"},      {9.996, "10"},     {999.4, "999"},  {999.5, "1 k"},
                 {1e3, "1 k"}, {31400, "31.4 k"},   {999499, "999 k"}, {999500, "1 M"}, {999999.9, "1 M"},
                 {1e6, "1 M"}, {1234567, "1.23 M"}, {999.6e6, "1 G"},  {5e9, "5 G"},    {2e12, "2 T"}};
    for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]); ++i) {
        char text[16];
        nib_format_rate(cases[i].value, text);
        cr_expect_str_eq(text, cases[i].text, "%.9g is \"%s\", not \"%s\"", cases[i].value, text,
                         cases[i].text);
    }
}

Test(progress, durations_take_the_unit_that_fits)
{
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{-1, "0.0 s"},        {1.54, "1.5 s"},     {9.96, "10 s"},        {59.4, "59 s"},
                 {59.6, "1 min 00 s"}, {185, "3 min 05 s"}, {3599, "59 min 59 s"}, {3720, "1 h 02 min"}};
    for (int i = 0; i < (int)(sizeof cases / sizeof cases[0]); ++i) {
        char text[32];
        nib_format_duration(cases[i].seconds, text);
        cr_expect_str_eq(text, cases[i].text, "%g s is \"%s\", not \"%s\"", cases[i].seconds, text,
                         cases[i].text);
    }
}
