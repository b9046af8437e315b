/* Types as text: what people write, what comes back, and what is refused where. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "quant/fixed.h"

static void check_same(const char *text, const nib_fixed *type)
{
    nib_fixed again = {0};
    nib_error err = {0};
    cr_assert_eq(nib_fixed_parse(text, &again, NULL, &err), NIB_OK, "%s", err.message);
    cr_expect(again.bits == type->bits && again.integer == type->integer &&
                  again.is_signed == type->is_signed && again.rounding == type->rounding &&
                  again.overflow == type->overflow,
              "%s reads as another type", text);
}

Test(fixed_text, every_type_reads_back_in_every_style)
{
    static const int integers[] = {-64, -3, 0, 1, 8, 64};
    char text[NIB_FIXED_TEXT_BYTES];
    for (int bits = 1; bits <= NIB_FIXED_MAX_BITS; bits++)
        for (int i = 0; i < 6; i++)
            for (int modes = 0; modes < 2 * NIB_ROUNDING_COUNT * NIB_OVERFLOW_COUNT; modes++) {
                const nib_fixed type = {bits, integers[i], modes % 2, (nib_rounding)(modes / 2 % 7),
                                        (nib_overflow)(modes / 14)};
                check_same(nib_fixed_print(&type, NIB_FIXED_PLAIN, text), &type);
                check_same(nib_fixed_print(&type, NIB_FIXED_AP, text), &type);
                check_same(nib_fixed_print(&type, NIB_FIXED_AC, text), &type);
            }
}

Test(fixed_text, types_as_people_write_them)
{
    static const char *const table[][4] = {
        /* written, plain, ap, ac */
        {"fixed<8,3>", "fixed<8,3>", "ap_fixed<8,3>", "ac_fixed<8,3,true>"},
        {"fixed<8,3,TRN,WRAP>", "fixed<8,3>", "ap_fixed<8,3>", "ac_fixed<8,3,true>"},
        {"ufixed<8,-3,RND>", "ufixed<8,-3,RND>", "ap_ufixed<8,-3,AP_RND>", "ac_fixed<8,-3,false,AC_RND>"},
        {"ap_fixed<16,6>", "fixed<16,6>", "ap_fixed<16,6>", "ac_fixed<16,6,true>"},
        {" ap_ufixed < 6 , 0 , AP_RND_CONV , AP_SAT > ", "ufixed<6,0,RND_CONV,SAT>",
         "ap_ufixed<6,0,AP_RND_CONV,AP_SAT>", "ac_fixed<6,0,false,AC_RND_CONV,AC_SAT>"},
        {"ap_fixed<18,8,AP_RND,AP_SAT,0>", "fixed<18,8,RND,SAT>", "ap_fixed<18,8,AP_RND,AP_SAT>",
         "ac_fixed<18,8,true,AC_RND,AC_SAT>"},
        {"fixed<18,8,TRN,SAT_SYM>", "fixed<18,8,TRN,SAT_SYM>", "ap_fixed<18,8,AP_TRN,AP_SAT_SYM>",
         "ac_fixed<18,8,true,AC_TRN,AC_SAT_SYM>"},
        {"ac_fixed<8,3,false,AC_RND,AC_SAT>", "ufixed<8,3,RND,SAT>", "ap_ufixed<8,3,AP_RND,AP_SAT>",
         "ac_fixed<8,3,false,AC_RND,AC_SAT>"},
        {"ac_fixed<8,3,1>", "fixed<8,3>", "ap_fixed<8,3>", "ac_fixed<8,3,true>"},
        {"fixed<4,+2>", "fixed<4,2>", "ap_fixed<4,2>", "ac_fixed<4,2,true>"},
        {"fixed<32,64>", "fixed<32,64>", "ap_fixed<32,64>", "ac_fixed<32,64,true>"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        nib_fixed type = {0};
        nib_error err = {0};
        char text[NIB_FIXED_TEXT_BYTES];
        cr_assert_eq(nib_fixed_parse(table[i][0], &type, NULL, &err), NIB_OK, "%s", err.message);
        for (int style = NIB_FIXED_PLAIN; style <= NIB_FIXED_AC; style++)
            cr_expect_str_eq(nib_fixed_print(&type, (nib_fixed_style)style, text), table[i][1 + style],
                             "%s in style %d", table[i][0], style);
    }
}

Test(fixed_text, refusals_say_what_and_where)
{
    static const struct {
        const char *text;
        int column;
        const char *message;
    } table[] = {
        {"fixed<0,0>", 7, "type 'fixed<0,0>', character 7: a width of 0 bits: 1 to 32 are possible"},
        {"fixed<40,8>", 7, "a width of 40 bits: 1 to 32 are possible"},
        {"fixed<-3,8>", 7, "a width of -3 bits: 1 to 32 are possible"},
        {"fixed<99999999999999999999,8>", 7, "a width of over 100000 bits"},
        {"fixed<8,65>", 9, "65 integer bits: -64 to 64 are possible"},
        {"fixed<8, -65>", 10, "-65 integer bits: -64 to 64 are possible"},
        {"fixed<8>", 8, "',' is expected after the width, not '>'"},
        {"fixed<8,", 9, "a number of integer bits is expected, not the end"},
        {"fixed<,3>", 7, "a width in bits is expected, not ','"},
        {"fixed(8,3)", 6, "'<' is expected after the type's name, not '('"},
        {"fixed<8,3,RNDD>", 11, "there is no rounding mode 'RNDD' (did you mean 'RND'?)"},
        {"fixed<8,3,SAT>", 11, "there is no rounding mode 'SAT'"},
        {"fixed<8,3,>", 11, "rounding mode is expected, not '>'"},
        {"fixed<8,3,RND,SATT>", 15, "there is no overflow mode 'SATT' (did you mean 'SAT'?)"},
        {"fixed<8,3,RND,SAT,2>", 19, "2 saturation bits: only 0 are supported"},
        {"fixed<8,3,RND,SAT,0,0>", 20, "'>' is expected at the end of the type, not ','"},
        {"fixed<8,3", 10, "'>' is expected at the end of the type, not the end"},
        {"fixed<8,3> x", 12, "the type ends before this"},
        {"fixed<8.5,3>", 8, "',' is expected after the width, not '.'"},
        {"fxied<8,3>", 1, "there is no type 'fxied' (did you mean 'fixed'?)"},
        {"", 1, "a type begins with fixed<"},
        {"int", 1, "a type begins with fixed<"},
        {"ac_fixed<8,3>", 13, "',' is expected and then the sign (true or false), not '>'"},
        {"ac_fixed<8,3,yes>", 14, "true or false is expected (is the type signed?), not 'yes'"},
        {"fixed<8,3,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA>", 11, "none here is that long"},
        {"fi\nxed<8,3>", 1, "type 'fi?xed<8,3>', character 1: "},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        nib_fixed type = {.bits = 77};
        nib_error err = {0};
        int column = 0;
        cr_expect_eq(nib_fixed_parse(table[i].text, &type, &column, &err), NIB_ERR_CONFIG, "'%s' is taken",
                     table[i].text);
        cr_expect(strstr(err.message, table[i].message), "'%s' gives: %s", table[i].text, err.message);
        cr_expect_eq(column, table[i].column, "'%s': character %d", table[i].text, column);
        cr_expect(!strchr(err.message, '\n'), "one line: %s", err.message);
        cr_expect_eq(type.bits, 77, "'%s' changes the type", table[i].text);
    }
}

Test(fixed_text, checks_of_types_made_otherwise)
{
    nib_error err = {0};
    nib_fixed type = {25, 8, true, NIB_ROUNDING_RND, NIB_OVERFLOW_SAT};
    cr_expect_eq(nib_fixed_check(&type, NIB_FIXED_MAX_BITS, &err), NIB_OK, "%s", err.message);
    cr_expect_eq(nib_fixed_check(&type, NIB_FIXED_MAX_FAKE, &err), NIB_ERR_CONFIG,
                 "25 bits are not for floats");
    cr_expect_str_eq(err.message, "a width of 25 bits: 1 to 24 are possible here", "message: %s",
                     err.message);
    type.bits = 63;
    cr_expect_eq(nib_fixed_check(&type, NIB_FIXED_MAX_ACCUM, &err), NIB_OK, "%s", err.message);
    type.integer = -65;
    cr_expect_eq(nib_fixed_check(&type, NIB_FIXED_MAX_ACCUM, &err), NIB_ERR_CONFIG, "I = -65 is taken");
}
